"""Replay from Python: train a found path and baselines again, with new seeds, and compare them on the test set."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from erpo_explore.api.explore import explore
from erpo_explore.config.baselines import Baseline
from erpo_explore.config.experiment import Experiment
from erpo_explore.config.resolve import resolve
from erpo_explore.plan.baselines import read_against
from erpo_explore.plan.replay import FOUND, replay_experiment, winning_algorithm
from erpo_explore.plan.trust import check_replayable
from erpo_explore.plan.unchanged import data_record, warn_of_changed_data
from erpo_explore.space import algorithm
from erpo_explore.store.files import Location, as_location, is_folder, join
from erpo_explore.store.layout import REPLAY_TABLE
from erpo_explore.tasks.digests import file_digests

if TYPE_CHECKING:
    import pandas as pd

    from erpo_explore.api.run import Run
    from erpo_explore.report import ReplayReport

__all__ = ["Replay", "check_replay", "replay", "winning_baseline"]


@dataclass(frozen=True)
class Replay:
    """A replay that has ended or was interrupted.

    Attributes:
        run: The exploration of the replay.
    """

    run: "Run"

    @cached_property
    def report(self) -> "ReplayReport":
        """The comparison: table, title, rows and sentences.

        Raises:
            ResultsError: The folder holds no replay.
        """
        import numpy as np

        from erpo_explore.report import read_replay

        return read_replay(self.run.folder, FOUND, np.random.default_rng(self.run.experiment.seed))

    @property
    def table(self) -> "pd.DataFrame":
        """One row per algorithm: mean and interval over seeds, the found path's lead over it, p-values, cost."""
        return self.report.table

    @property
    def sentences(self) -> tuple[str, ...]:
        """What follows from the table, in words; the verdict first."""
        return self.report.sentences

    def write(self) -> tuple[Location, Location]:
        """Write `replay.md` and `replay.csv` into the results folder, and return where they are."""
        from erpo_explore.report import write_replay

        return write_replay(self.report, self.run.folder), join(self.run.folder, REPLAY_TABLE)


def replay(
    origin: "Run | Location",
    *,
    against: str | Sequence[str | Baseline | dict[str, Any]] = ("mle", "interpolation"),
    seeds: int = 3,
    beam_width: int = 5,
    tune: bool = False,
    experiment: FilePath | None = None,
    change: Callable[[dict[str, Any]], None] | None = None,
    folder: Location | None = None,
    trust: bool = False,
    address: str | None = None,
) -> Replay:
    """Replay a path with new seeds and the same budget, and decode the test set once per run.

    Args:
        origin: A run or results folder, whose best searched path is taken, or the YAML file of a path.
        against: Baselines to compare with: a list as in `Experiment.baselines`, or one line of text.
        seeds: Number of runs of the path and of each baseline.
        beam_width: Hypotheses per sentence of the test set.
        tune: Whether each run chooses beam width and length penalty on the validation set instead.
        experiment: YAML file with task, model and budget. Default: those of the results folder.
        change: Called with the replay's experiment as plain values, to change them in place.
        folder: Results folder of the replay. Default: results/NAME-replay.
        trust: Whether to run functions that results or a path of another user name.
        address: As for `explore`.

    Raises:
        ErpoExploreError: The origin holds no searched path, a baseline is wrong, or the replay cannot run.
    """
    location = _location(origin)
    replayed = replay_experiment(
        location,
        experiment_file=experiment,
        against=read_against(against),
        num_seeds=seeds,
        beam_width=beam_width,
        tune=tune,
    )
    # path files may name functions, so they are read before the check
    final = _changed(replayed, change, location)
    check_replayable(location, final.to_dict(), trust=trust)
    if is_folder(location):
        data = data_record(file_digests(final.task), {})
        warn_of_changed_data([location], data, "all runs of the replay train on the data of today")
    return Replay(explore(final, folder, address=address))


def check_replay(
    origin: Location,
    *,
    against: str | Sequence[str | Baseline | dict[str, Any]],
    experiment: FilePath | None = None,
    change: Callable[[dict[str, Any]], None] | None = None,
) -> None:
    """Check all of a replay that needs no scores of its origin, which take seconds of imports to read.

    Args:
        origin: As for `replay`.
        against: As for `replay`.
        experiment: As for `replay`.
        change: As for `replay`.

    Raises:
        ErpoExploreError: The origin does not exist, a baseline is wrong, or a setting is.
    """
    stand_in = algorithm("mle").path("bleu")
    replayed = replay_experiment(
        as_location(str(origin)), experiment_file=experiment, against=read_against(against), num_seeds=1, path=stand_in
    )
    _changed(replayed, change, origin)


def winning_baseline(origin: "Run | Location") -> str | None:
    """The baseline that has the best score of a results folder; None if a searched trial has it.

    Args:
        origin: A run, a results folder, or the YAML file of a path, which has no baselines.
    """
    location = _location(origin)
    return winning_algorithm(location) if is_folder(location) else None


def _changed(replayed: Experiment, change: Callable[[dict[str, Any]], None] | None, origin: Location) -> Experiment:
    """The experiment with the changes of the user, without names that depend on the working folder."""
    written = replayed.to_dict()
    if change is not None:
        change(written)
    return resolve(Experiment.from_dict(written, origin=str(origin)))


def _location(origin: "Run | Location") -> Location:
    return as_location(str(getattr(origin, "folder", origin)))
