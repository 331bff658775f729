"""A trained model from a results folder, or from a folder that `export` wrote."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from pydantic import TypeAdapter

from erpo_explore.config.experiment import Experiment
from erpo_explore.errors import ConfigError, ErpoExploreError, ResultsError
from erpo_explore.inference.model import TrainedModel
from erpo_explore.inference.weights import ChosenWeights, choose_weights, load_weights
from erpo_explore.plan.manifest import experiment_of
from erpo_explore.plan.trust import check_loadable
from erpo_explore.plan.unchanged import check_files, check_text
from erpo_explore.seq2seq import ModelConfig, Seq2Seq, build_model
from erpo_explore.store import load_manifest
from erpo_explore.store.files import Folder, Location, as_location
from erpo_explore.store.layout import MANIFEST, VOCABULARY
from erpo_explore.tasks import TaskConfig, load_task
from erpo_explore.tasks.vocabulary_file import Vocabularies, check_same_vocabulary
from erpo_explore.trial.seeding import WEIGHTS, stream
from erpo_explore.trial.training import choose_device

__all__ = ["EXPORTED", "WEIGHTS_FILE", "load_trained"]

_log = logging.getLogger(__name__)

EXPORTED: Final = "erpo_model.json"
"""File that makes a folder an exported model."""

WEIGHTS_FILE: Final = "model.safetensors"


def load_trained(
    folder: Location,
    *,
    trial: str | None = None,
    last: bool = False,
    average: int = 1,
    device: str | None = None,
    trust: bool = False,
) -> TrainedModel:
    """Load a trained model.

    Args:
        folder: A results folder or its URI, or a folder that `export` wrote.
        trial: Trial whose weights are taken. Default: the one with the best validation score.
        last: Whether to take the last weights of the trial, with which a replay decodes its test set, not the best.
        average: Number of last checkpoints of the trial to average.
        device: `cpu` or `cuda`. Default: CUDA where it can be used.
        trust: Whether to accept a folder of another user that names functions to import.

    Raises:
        ErpoExploreError: The folder holds no model, or what it holds is damaged or does not fit together.
    """
    location, target = as_location(str(folder)), _device(device)
    within = Folder.at(location)
    if not within.has(MANIFEST) and within.has(EXPORTED):
        if trial is not None or last or average > 1:
            raise ConfigError(f"{folder} is an exported model, which has one set of weights; name a results folder")
        return _load_exported(location, within, target, trust=trust)
    written = load_manifest(location)
    experiment = experiment_of(written, str(location))
    named = experiment.to_dict()
    # an older folder has no vocabulary, so its task is loaded again, with the metrics that it names
    check_loadable(location, named["model"] if within.has(VOCABULARY) else named, trust=trust)
    chosen = choose_weights(location, trial=trial, last=last, average=average)
    if chosen.remark:
        _log.warning("%s", chosen.remark)
    vocabularies = _vocabularies(within, written, experiment)
    weights = load_weights(chosen, vocabularies.sha256())
    return TrainedModel(
        seq2seq=_network(experiment.model, vocabularies, weights, target, str(chosen.checkpoints[-1])),
        vocabularies=vocabularies,
        task=experiment.task,
        config=experiment.model,
        facts=_facts(written, experiment, chosen),
    )


def _facts(written: Mapping[str, Any], experiment: Experiment, chosen: ChosenWeights) -> dict[str, Any]:
    """What a model card says of the weights."""
    row = chosen.row
    return {
        "exploration": experiment.name,
        "trial": chosen.trial,
        "algorithm": row["algorithm"] if isinstance(row["algorithm"], str) else None,
        "seed": int(str(row["seed"])),
        "step": int(str(row["step"])),
        "averaged_checkpoints": len(chosen.checkpoints),
        "path": json.loads(str(row["path"])),
        "validation_score": float(str(row["score"])),
        "signature": row["signature"] if isinstance(row["signature"], str) else None,
        "versions": written.get("versions", {}),
        "git_commit": written.get("git_commit"),
    }


def _vocabularies(folder: Folder, written: Mapping[str, Any], experiment: Experiment) -> Vocabularies:
    """The vocabularies of a results folder; those of an older folder are learned again from its data."""
    if folder.has(VOCABULARY):
        file = folder.location_of(VOCABULARY)
        vocabularies = Vocabularies.from_json(folder.read(VOCABULARY), file)
        named = written.get("vocabulary")
        check_same_vocabulary(vocabularies.sha256(), None if named is None else str(named), f"{folder.location}")
        return vocabularies
    try:
        check_files(written, experiment, folder.location)
        task = load_task(experiment.task)
        check_text(written, task.digests, folder.location)
    except ErpoExploreError as error:
        raise ResultsError(
            f"{folder.location} was written before vocabularies were stored, and its data are needed to learn them "
            f"again: {error}"
        ) from error
    _log.warning(
        "%s has no %s, since an older version wrote it; the vocabulary was learned again from its data",
        folder.location,
        VOCABULARY,
    )
    return task.vocabularies


def _load_exported(location: Location, folder: Folder, device: torch.device, *, trust: bool) -> TrainedModel:
    file = folder.location_of(EXPORTED)
    if not isinstance(location, Path):
        raise ConfigError(f"{location}: an exported model must be a folder of this machine; copy it here")
    try:
        written = json.loads(folder.read(EXPORTED))
        number, section = written["format"], dict(written["model"])
        sections = section, written["task"], str(written["vocabulary"]), dict(written["facts"])
    except (ValueError, KeyError, TypeError) as error:
        raise ResultsError(f"{file}: cannot be read ({error}); export the model again") from error
    if number != 1:
        raise ResultsError(f"{file}: must have format 1, got {number}; update erpo_explore")
    section, written_task, digest, facts = sections
    check_loadable(location, section, trust=trust)
    is_pretrained = section.get("kind") == "pretrained"
    if is_pretrained:
        section = {"kind": "pretrained", "name": str(location)}
    try:
        config: ModelConfig = TypeAdapter(ModelConfig).validate_python(section)
        task: TaskConfig = TypeAdapter(TaskConfig).validate_python(written_task)
    except ValueError as error:
        raise ResultsError(f"{file}: cannot be read ({' '.join(str(error).split())}); export it again") from error
    vocabularies = Vocabularies.from_json(
        folder.read(VOCABULARY), folder.location_of(VOCABULARY), pretrained=str(location) if is_pretrained else None
    )
    check_same_vocabulary(vocabularies.sha256(), digest, file)
    weights = None if is_pretrained else _read_safetensors(location / WEIGHTS_FILE)
    return TrainedModel(
        seq2seq=_network(config, vocabularies, weights, device, str(location)),
        vocabularies=vocabularies,
        task=task,
        config=config,
        facts=facts,
    )


def _read_safetensors(file: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(file)
    except (OSError, SafetensorError) as error:
        raise ResultsError(f"{file}: cannot be read as weights ({error}); export the model again") from error


def _network(
    config: ModelConfig,
    vocabularies: Vocabularies,
    weights: dict[str, torch.Tensor] | None,
    device: torch.device,
    origin: str,
) -> Seq2Seq:
    """The network with the given weights, or with those that its config names, in evaluation mode."""
    model = build_model(
        config,
        len(vocabularies.source),
        len(vocabularies.target),
        pad=vocabularies.target.symbols.pad,
        generator=stream(device, 0, WEIGHTS),
    )
    if weights is not None:
        try:
            model.load_state_dict(weights)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise ResultsError(
                f"{origin}: its weights do not fit the model of its experiment ({reason}); restore both from one copy"
            ) from error
    return model.eval()


def _device(name: str | None) -> torch.device:
    if name is None:
        return choose_device()
    if name not in ("cpu", "cuda"):
        raise ConfigError(f"device must be cpu or cuda, got {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device must be one that this process can use, got cuda without a CUDA GPU; take cpu")
    return torch.device(name, 0) if name == "cuda" else torch.device(name)
