"""Scores of trained models and of files of translations on any test set, from Python."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, Literal

from erpo_explore.errors import ConfigError, DataError
from erpo_explore.store.files import Location, as_location

if TYPE_CHECKING:
    from erpo_explore.inference.evaluation import Difference, SystemScore
    from erpo_explore.inference.model import TrainedModel
    from erpo_explore.metrics import Scorer
    from erpo_explore.trial.tuned_decoding import Decoder

__all__ = ["Evaluation", "evaluate"]

_log = logging.getLogger(__name__)

Pairs = tuple[list[str], list[str]]
"""Sources and references."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Scores on a test set.

    Attributes:
        num_sentences: Sentences of the test set.
        scores: One per metric.
        against: Scores of the other system; empty without one.
        differences: This system minus the other, one per metric; empty without one.
        decoders: Decoding settings that were tried on the validation set, the best first; empty without tuning.
        beam_width: Hypotheses per sentence.
        length_penalty: Exponent of the length penalty.
        hypotheses: The scored text, one line per sentence.
    """

    num_sentences: int
    scores: "tuple[SystemScore, ...]"
    against: "tuple[SystemScore, ...]" = ()
    differences: "tuple[Difference, ...]" = ()
    decoders: "tuple[Decoder, ...]" = ()
    beam_width: int
    length_penalty: float
    hypotheses: tuple[str, ...]


def evaluate(
    folder: Location,
    *,
    data: "FilePath | str | None" = None,
    split: Literal["valid", "test"] = "test",
    source: str | None = None,
    target: str | None = None,
    metrics: Sequence[Any] = (),
    against: Location | None = None,
    beam_width: int = 5,
    length_penalty: float = 1.0,
    tune: bool = False,
    trial: str | None = None,
    last: bool = False,
    average: int = 1,
    num_resamples: int = 1000,
    seed: int = 0,
    device: str | None = None,
    trust: bool = False,
) -> Evaluation:
    """Score a trained model on a test set, and compare it with another system.

    Args:
        folder: A results folder, or a folder that `export` wrote.
        data: Folder with the files test.SOURCE and test.TARGET. Default: the split of the task itself.
        split: Which of its splits.
        source: Suffix of the sources in `data`. Default: that of the task.
        target: Suffix of the references in `data`. Default: that of the task.
        metrics: Metrics, as in `task.metric`. Default: that of the task.
        against: Another system: a results folder, an exported folder, a file with one translation per line, or the
            name of a trial of `folder`.
        beam_width: Hypotheses per sentence; 1 is greedy.
        length_penalty: Exponent of the length penalty.
        tune: Whether beam width and length penalty are chosen on the validation set instead, for each model.
        trial: As for `load_model`.
        last: As for `load_model`.
        average: As for `load_model`.
        num_resamples: Resampled test sets of the bootstrap.
        seed: Seed of the bootstrap.
        device: As for `load_model`.
        trust: As for `load_model`.

    Raises:
        ErpoExploreError: There is no such model, test set or metric.
    """
    import numpy as np

    from erpo_explore.inference.evaluation import check_hypotheses, difference, system_score, tune_decoding
    from erpo_explore.inference.load import load_trained
    from erpo_explore.plan.trust import check_loadable
    from erpo_explore.stats.bootstrap import Resamples
    from erpo_explore.tasks.line_files import read_translations

    location = as_location(str(folder))
    model = load_trained(location, trial=trial, last=last, average=average, device=device, trust=trust)
    pairs = _Pairs(model, FilePath(data) if data is not None else None, source, target)
    stored = _stored_metrics(model)
    if data is None or not metrics or any(isinstance(metric, str) and metric in stored for metric in metrics):
        # the task's own may be functions that the folder names
        check_loadable(location, {"also": list(stored.values())}, trust=trust)
    sources, references = pairs.read(split)
    scorers = _scorers(model, stored, metrics, references)
    for number, scorer in enumerate(scorers):
        if scorer.name in [before.name for before in scorers[:number]]:
            raise ConfigError(f"metric {scorer.name} is given twice; name each once")

    def decoded(system: "TrainedModel") -> "tuple[list[str], tuple[Decoder, ...], int, float]":
        decoders: tuple[Decoder, ...] = ()
        width, penalty = beam_width, length_penalty
        if tune:
            decoders = tune_decoding(system, *pairs.read("valid"), scorers[0])
            width, penalty = decoders[0].beam_width, decoders[0].length_penalty
        # cut where the evaluation of a trial cuts, so that the score is the same
        longest = system.max_tokens_for(references)
        hypotheses = system.translate(
            sources, beam_width=width, length_penalty=penalty, max_tokens=longest, prepared=True
        )
        return hypotheses, decoders, width, penalty

    other_hypotheses: list[str] | None = None
    other = None if against is None else as_location(str(against))
    if isinstance(other, FilePath) and other.is_file():  # a mistake in it is found before anything is decoded
        other_hypotheses = read_translations(other)
        check_hypotheses(other_hypotheses, references, str(other))
    other_model = None
    if other is not None and other_hypotheses is None:
        is_trial = isinstance(other, FilePath) and not other.exists()
        place, name = (location, str(against)) if is_trial else (other, None)
        try:
            other_model = load_trained(place, trial=name, device=device, trust=trust)
        except ConfigError as error:
            if is_trial:
                raise ConfigError(f"against {against}: is neither a file nor a folder, and {error}") from error
            raise
    hypotheses, decoders, width, penalty = decoded(model)
    resamples = Resamples.draw(len(references), np.random.default_rng(seed), num_resamples=num_resamples)
    ours = [scorer.corpus(hypotheses, references) for scorer in scorers]
    found = Evaluation(
        num_sentences=len(references),
        scores=tuple(system_score(*each, resamples) for each in zip(scorers, ours, strict=True)),
        decoders=decoders,
        beam_width=width,
        length_penalty=penalty,
        hypotheses=tuple(hypotheses),
    )
    if other_model is not None:
        other_hypotheses = decoded(other_model)[0]
    if other_hypotheses is None:
        return found
    other_scores = [scorer.corpus(other_hypotheses, references) for scorer in scorers]
    return replace(
        found,
        against=tuple(system_score(*each, resamples) for each in zip(scorers, other_scores, strict=True)),
        differences=tuple(difference(*each, resamples) for each in zip(scorers, ours, other_scores, strict=True)),
    )


def _stored_metrics(model: "TrainedModel") -> dict[str, Any]:
    """Metrics of the task as they are stored, by name; the one that decides is the first."""
    from erpo_explore.named_function import load_object
    from erpo_explore.tasks.metric import metric_name

    metrics = [load_object("task.name", model.task.reader).metric(model.task), *model.task.also]
    stored: dict[str, Any] = {}
    for metric in metrics:
        stored.setdefault(metric_name(metric), metric)
    return stored


def _scorers(
    model: "TrainedModel", stored: Mapping[str, Any], metrics: Sequence[Any], references: Sequence[str]
) -> "list[Scorer]":
    """Scorers of the metrics; one of the task, also by its name alone, has the options that it had in training."""
    from erpo_explore.metrics import load_scorer
    from erpo_explore.metrics.fit import fit_metric
    from erpo_explore.named_function import load_object

    prepared = load_object("task.name", model.task.reader).preprocessing(model.task)
    scorers = []
    for asked in metrics or list(stored)[:1]:
        metric = stored.get(asked, asked) if isinstance(asked, str) else asked
        fitted = fit_metric(metric, references, text=prepared)
        if chosen := _chosen(metric, fitted.written):
            why = "the results store none" if metric in stored.values() else "none are given"
            _log.info("note: this test set decides options of %s, since %s: %s", fitted.name, why, chosen)
        scorers.append(load_scorer(fitted.written))
    return scorers


def _chosen(given: Any, fitted: Any) -> str:
    """Options that a text has decided, and that may differ for another text."""
    before = given if isinstance(given, Mapping) else {}
    after = fitted if isinstance(fitted, Mapping) else {}
    names = [name for name in after if name not in before and name not in ("name", "text") and after[name] != "none"]
    return ", ".join(f"{name} {after[name]}" for name in names)


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Where the sentences come from: a folder of files, or the task of a model."""

    model: "TrainedModel"
    data: FilePath | None
    source: str | None
    target: str | None

    def read(self, split: str) -> Pairs:
        """Sources and references of a split, as the task writes them.

        Raises:
            DataError: The split is missing or empty, or a file cannot be read.
        """
        return self._of_task(split) if self.data is None else self._of_files(self.data, split)

    def _of_task(self, split: str) -> Pairs:
        from erpo_explore.tasks import load_task

        if self.source is not None or self.target is not None:
            raise ConfigError("source and target name files of a folder; add data, or leave them out")
        task = load_task(self.model.task)
        found = task.validation if split == "valid" else task.test
        if len(found) == 0:
            raise DataError(f"task {task.name} has no {split} split; give a folder with test.SOURCE and test.TARGET")
        return list(found.sources), list(found.references)

    def _of_files(self, folder: FilePath, split: str) -> Pairs:
        from erpo_explore.tasks.text_files import read_split

        source = self.source or getattr(self.model.task, "source", None)
        target = self.target or getattr(self.model.task, "target", None)
        sources, references = zip(*read_split(folder, split, source, target), strict=True)
        return [self.model.prepare(line) for line in sources], [self.model.prepare_target(line) for line in references]
