"""A trained model as a folder of its own: weights in safetensors, vocabulary and settings as JSON, and a model card.

A pretrained model is written as the library writes it (`save_pretrained`), so that `transformers` and the converters
of others read it. Nothing in the folder is executed.
"""

import json
import shutil
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from torch import Tensor

from erpo_explore.errors import ConfigError, ResultsError
from erpo_explore.inference.load import EXPORTED, WEIGHTS_FILE
from erpo_explore.inference.model import TrainedModel
from erpo_explore.pretrained import load_tokenizer
from erpo_explore.seq2seq import PretrainedConfig
from erpo_explore.seq2seq.pretrained import PretrainedSeq2Seq
from erpo_explore.store.layout import VOCABULARY

__all__ = ["check_new_folder", "export_model", "model_card"]

_CARD: Final = "README.md"


def export_model(model: TrainedModel, folder: Path) -> None:
    """Write a model into a new folder, which appears once it is whole.

    Args:
        model: The model.
        folder: The folder; must not exist yet.

    Raises:
        ConfigError: The folder exists, or its parent does not.
        ResultsError: It cannot be written.
    """
    check_new_folder(folder)
    aside = folder.with_name(f".{folder.name}.{uuid4().hex}.tmp")
    try:
        aside.mkdir()
        _write(model, aside)
        aside.rename(folder)
    except OSError as error:
        raise ResultsError(f"{folder}: cannot be written ({error}); free some space, or name another folder") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def check_new_folder(folder: Path) -> None:
    """Check that a folder can be made there.

    Raises:
        ConfigError: It exists, or its parent does not.
    """
    if folder.exists() or folder.is_symlink():
        raise ConfigError(f"{folder} exists already; name a new folder, or remove it first")
    if not folder.absolute().parent.is_dir():
        raise ConfigError(f"{folder}: its parent folder does not exist; make it first")


def _write(model: TrainedModel, folder: Path) -> None:
    if isinstance(model.seq2seq, PretrainedSeq2Seq) and isinstance(model.config, PretrainedConfig):
        network = model.seq2seq.model
        # the library's greedy decoding then draws what ours does; a forced first token is no choice
        forced = network.generation_config.forced_bos_token_id
        excluded = [token for token in model.vocabularies.target.symbols.never_drawn if token != forced]
        network.generation_config.suppress_tokens = excluded
        if network.config.model_type == "bart" and not hasattr(network.config, "normalize_before"):
            # CTranslate2's converter reads it; the library has dropped the field, since BART has no other value
            network.config.normalize_before = False
        # what an older version trained, although the library computes it anew
        network._keys_to_ignore_on_save = None
        network.save_pretrained(folder)
        load_tokenizer(model.config.name, model.config.revision).save_pretrained(folder)
    else:
        from safetensors.torch import save_file

        save_file(_separate(model.seq2seq.state_dict()), folder / WEIGHTS_FILE, metadata={"format": "pt"})
    (folder / VOCABULARY).write_text(model.vocabularies.to_json(), encoding="utf-8")
    described = {
        "format": 1,
        "vocabulary": model.vocabularies.sha256(),
        "model": model.config.model_dump(mode="json"),
        "task": model.task.model_dump(mode="json"),
        "facts": dict(model.facts),
    }
    (folder / EXPORTED).write_text(json.dumps(described, indent=1), encoding="utf-8")
    (folder / _CARD).write_text(model_card(model), encoding="utf-8")


def _separate(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights that share no memory, as safetensors demands."""
    return {name: tensor.detach().cpu().clone().contiguous() for name, tensor in weights.items()}


def model_card(model: TrainedModel) -> str:
    """The model card: data, path, scores, seed and versions, and how the folder is loaded."""
    facts, written = model.facts, model.config.model_dump(mode="json")
    rows = {
        "task": _task(model),
        "model": f"{written['kind']}, {model.seq2seq.num_parameters:,} parameters",
        "vocabulary": f"{len(model.vocabularies.source):,} → {len(model.vocabularies.target):,} tokens, sha256 "
        f"{model.vocabularies.sha256()[:16]}…",
        "exploration": facts.get("exploration"),
        "trial": _trial(facts),
        "validation score": facts.get("validation_score"),
        "measured by": facts.get("signature"),
        "versions": ", ".join(f"{name} {number}" for name, number in dict(facts.get("versions") or {}).items()),
        "commit": facts.get("git_commit"),
    }
    lines = ["# Model card", "", "| | |", "| --- | --- |"]
    lines += [f"| {name} | {_cell(value)} |" for name, value in rows.items() if value not in (None, "")]
    lines += [
        "",
        "The weights belong to the path below: a list of points over the training budget.",
        "",
        "```json",
        json.dumps(facts.get("path"), indent=1),
        "```",
        "",
        "```python",
        "import erpo_explore as erpo",
        "",
        'model = erpo.load_model("FOLDER")',
        'model.translate(["a line of source text"])',
        "```",
        "",
    ]
    return "\n".join(lines)


def _trial(facts: Any) -> str:
    named = f"{facts.get('trial')}, seed {facts.get('seed')}, step {facts.get('step')}"
    number = facts.get("averaged_checkpoints", 1)
    return named if number == 1 else f"{named}, mean of the last {number} checkpoints"


def _task(model: TrainedModel) -> str:
    written = model.task.model_dump(mode="json")
    place = next((written[name] for name in ("data", "dataset") if written.get(name)), None)
    return written["name"] if place is None else f"{written['name']}, {place}"


def _cell(value: Any) -> str:
    """A value within a table of Markdown."""
    return " ".join(str(value).split()).replace("|", "\\|")
