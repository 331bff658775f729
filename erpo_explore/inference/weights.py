"""Which weights of a results folder are used: those of the best score, or of a trial that the user names."""

from dataclasses import dataclass

import pandas as pd
import torch

from erpo_explore.errors import ConfigError, ResultsError, did_you_mean
from erpo_explore.store import best_row, load_results
from erpo_explore.store.columns import BROKEN
from erpo_explore.store.files import Location, as_location, is_folder, join
from erpo_explore.tasks.vocabulary_file import check_same_vocabulary
from erpo_explore.trial.averaging import mean_weights, weights_to_use
from erpo_explore.trial.checkpoint import load_checkpoint

__all__ = ["ChosenWeights", "choose_weights", "load_weights"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenWeights:
    """Checkpoints of one trial, and the report that belongs to them.

    Attributes:
        trial: Name of the trial.
        checkpoints: Checkpoint folders, the newest last; more than one are averaged.
        row: The observation of the newest one.
        remark: What the user should know about the choice; empty where nothing is remarkable.
    """

    trial: str
    checkpoints: tuple[Location, ...]
    row: dict[str, object]
    remark: str = ""


def choose_weights(
    folder: Location, *, trial: str | None = None, last: bool = False, average: int = 1
) -> ChosenWeights:
    """Choose checkpoints that exist.

    Args:
        folder: Results folder.
        trial: Trial to choose from. Default: the one with the best validation score.
        last: Whether to take the last weights of the trial, with which its test set was decoded, not the best.
        average: Number of last checkpoints to average.

    Raises:
        ConfigError: There is no such trial, or `average` is below 1.
        ResultsError: There is no score yet, or no checkpoint of the trial is left.
    """
    if average < 1:
        raise ConfigError(f"average must be >= 1, got {average}; 1 takes one checkpoint as it is")
    frame = load_results(folder)
    name = str(best_row(frame)["trial"]) if trial is None else trial
    rows = frame[frame["trial"] == name]
    if rows.empty:
        known = sorted(set(frame["trial"]))
        raise ConfigError(
            f"{folder} has no trial {name}; it has {', '.join(known[:8])}{' …' if len(known) > 8 else ''}"
            f"{did_you_mean(name, known)}"
        )
    usable = rows[rows["score"].notna() & ~rows["status"].isin(BROKEN)]
    there = usable[[_exists(folder, checkpoint) for checkpoint in usable["checkpoint"]]]
    if there.empty:
        raise ResultsError(
            f"trial {name} of {folder} has no checkpoint left; name another one with --trial, or train it again"
        )
    if last or average > 1:
        return _last(folder, name, there, average)
    row, best = best_row(there), best_row(usable)
    remark = ""
    if row["iteration"] != best["iteration"]:
        remark = (
            f"the best weights of {name}, of step {best['step']}, are not kept; those of step {row['step']} are used"
        )
    return ChosenWeights(trial=name, checkpoints=_locations(folder, [row]), row=dict(row), remark=remark)


def load_weights(chosen: ChosenWeights, vocabulary: str) -> dict[str, torch.Tensor]:
    """Weights of a model: those of the checkpoint, or their mean where there are several.

    Args:
        chosen: The checkpoints.
        vocabulary: Digest of the vocabulary that the weights are used with.

    Raises:
        ResultsError: A checkpoint is missing, damaged, or of another vocabulary.
    """
    kept = []
    for checkpoint in chosen.checkpoints:
        state = load_checkpoint(checkpoint)
        check_same_vocabulary(vocabulary, state["vocabulary"], f"checkpoint {checkpoint}")
        kept.append(weights_to_use(state))
    return mean_weights(kept)


def _last(folder: Location, name: str, there: pd.DataFrame, average: int) -> ChosenWeights:
    rows = [row for _, row in there.sort_values("iteration").tail(average).iterrows()]
    remark = ""
    if len(rows) < average:
        remark = (
            f"{name} has kept {len(rows)} of the {average} checkpoints to average; "
            f"with resources.keep_checkpoints={average} the next exploration keeps them"
        )
    return ChosenWeights(trial=name, checkpoints=_locations(folder, rows), row=dict(rows[-1]), remark=remark)


def _locations(folder: Location, rows: list[pd.Series]) -> tuple[Location, ...]:
    return tuple(_location(folder, str(row["checkpoint"])) for row in rows)


def _exists(folder: Location, checkpoint: object) -> bool:
    return isinstance(checkpoint, str) and is_folder(_location(folder, checkpoint))


def _location(folder: Location, checkpoint: str) -> Location:
    """Where a checkpoint lies that the results name, relative to their folder or absolute."""
    location = as_location(checkpoint)
    return location if isinstance(location, str) or location.is_absolute() else join(folder, checkpoint)
