"""An experiment for a user's own text: measured, chosen, and explained."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, Final

from erpo_explore.advice.choose import choose
from erpo_explore.advice.profile import Profile, measure
from erpo_explore.config.experiment import Experiment
from erpo_explore.errors import DataError
from erpo_explore.metrics.fit import fit_metric
from erpo_explore.tasks.config import FilesConfig
from erpo_explore.tasks.text_files import files_metric, files_suffixes, read_unsplit

__all__ = ["Advice", "advise"]

_WIDTH: Final = 80
_REFERENCES: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """An experiment that was chosen for a corpus. `explore` takes it in the place of an experiment.

    Attributes:
        experiment: The experiment.
        lines: The corpus in numbers, and each setting with its reason; at most 80 columns wide.
    """

    experiment: Experiment
    lines: tuple[str, ...]


def advise(
    data: FilePath | str,
    *,
    source: str | None = None,
    target: str | None = None,
    metric: str | None = None,
    max_hours: float | None = None,
) -> Advice:
    """Choose an experiment for a folder of text files. Neither Ray nor torch is imported.

    Args:
        data: Folder with train.SOURCE and train.TARGET, and perhaps valid.* and test.*.
        source: Suffix of the source files. Default: found from the file names.
        target: Suffix of the target files. Default: likewise.
        metric: Metric that is maximised. Default: chosen.
        max_hours: Time that there is for the exploration. It decides the size of the model.

    Raises:
        DataError: The files cannot be read.
    """
    folder = FilePath(data).resolve()
    given: dict[str, Any] = {"data": str(folder), "source": source, "target": target, "metric": metric}
    config = FilesConfig.model_validate({name: value for name, value in given.items() if value is not None})
    suffixes = dict(zip(("source", "target"), files_suffixes(config), strict=True))
    corpus = read_unsplit(config)
    profile = measure(corpus)
    references = [target for _, target in corpus.train[:_REFERENCES]]
    task: Mapping[str, Any] = {"data": str(folder)} | suffixes | ({"metric": metric} if metric is not None else {})
    choice = choose(
        profile,
        name=_name(folder),
        task=task,
        measures=lambda name: _measures(name, references),
        names_summaries=files_metric(config) == "rouge",
        max_hours=max_hours,
    )
    head = _describe(folder.name, suffixes["source"], suffixes["target"], profile)
    return Advice(
        experiment=Experiment.from_dict(dict(choice.written), origin=str(folder)),
        lines=tuple(line[:_WIDTH] for line in (*head, *(reason.line() for reason in choice.reasons))),
    )


def _measures(metric: str, references: list[str]) -> bool:
    """Whether a metric can rank outputs for these references."""
    try:
        fit_metric(metric, references)
    except DataError:
        return False
    return True


def _name(folder: FilePath) -> str:
    """The folder's name as the name of an experiment."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", folder.name).strip("-._") or "mine"


def _describe(name: str, source: str, target: str, profile: Profile) -> tuple[str, ...]:
    """The corpus in two or three lines."""
    pairs = [f"{profile.train_pairs:,} pairs {source} → {target}"]
    if profile.validation_pairs:
        pairs.append(f"{profile.validation_pairs:,} valid")
    if profile.test_pairs:
        pairs.append(f"{profile.test_pairs:,} test")
    case = "cased" if max(profile.source.upper, profile.target.upper) > 0.01 else "lower-case"
    scripts = list(dict.fromkeys(side.script for side in (profile.source, profile.target) if side.script))
    lines = [
        f"{name}: {', '.join(pairs)}",
        f"  {profile.source.words:.1f} → {profile.target.words:.1f} words per line, "
        f"{case} {' and '.join(scripts) or 'text without letters'}",
    ]
    if profile.repeated > 0.01:
        lines.append(f"  {profile.repeated:.0%} of the train pairs are copies of others; they stay in")
    return tuple(lines)
