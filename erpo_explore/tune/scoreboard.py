"""Scores of all trials so far, and what each sentence adds to them: the source of a scheduler's decisions.

`RecordingCallback` notes each report here, and `Recorder` writes it to the results store. Reports to an earlier driver
are read from the store at the first question. The value that Tune pickles with its scheduler is only the folder.

Legend: N sentences, D statistics of each.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from erpo_explore.stats.bootstrap import CorpusStatistics
from erpo_explore.store import load_results
from erpo_explore.store.files import Location
from erpo_explore.tune.trial_view import ITERATION

__all__ = ["Scoreboard", "Scored"]


class Scored(NamedTuple):
    """Score of a report.

    Attributes:
        step: Optimizer step of the report.
        score: Score in the units of the metric.
        objective: The score, negated where less is better.
    """

    step: int
    score: float
    objective: float


@dataclass(frozen=True)
class Scoreboard:
    """Scores of one exploration's trials.

    Attributes:
        folder: Results folder, resolved.
        shared_iterations: Reports whose checkpoints other trials may begin with.
    """

    folder: Location
    shared_iterations: frozenset[int] = frozenset()

    def __getstate__(self) -> dict[str, Any]:
        """State without what was read from the store."""
        return {"folder": self.folder, "shared_iterations": self.shared_iterations}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore what `__getstate__` returned."""
        self.__dict__.update(state)

    @cached_property
    def _scores(self) -> dict[str, dict[int, Scored]]:
        """Scores per trial and iteration; includes the reports to earlier drivers."""
        columns = ["trial", "iteration", "step", "score", "objective"]
        frame = load_results(self.folder, columns=columns).dropna(subset="objective")
        scores: dict[str, dict[int, Scored]] = defaultdict(dict)
        for trial, iteration, step, score, objective in frame.itertuples(index=False):
            scores[trial][int(iteration)] = Scored(int(step), float(score), float(objective))
        return scores

    @cached_property
    def _last_statistics(self) -> dict[str, tuple[int, Mapping[str, CorpusStatistics]]]:
        """Iteration of each trial's last report to this driver, and its statistics per split."""
        return {}

    @cached_property
    def shared_checkpoints(self) -> dict[tuple[str, int], Any]:
        """Tune's records of the checkpoints that other trials may begin with, by trial and iteration.

        Those of earlier drivers are known once their trials are restored.
        """
        return {}

    @cached_property
    def _closed(self) -> set[tuple[str, int]]:
        """Trial and iteration of the checkpoints that were shared, and that nothing will begin with any more."""
        return set()

    def close_checkpoints(self, kept: Collection[tuple[str, int]]) -> None:
        """Give up shared checkpoints, for good.

        Args:
            kept: Trial and iteration of those that other trials may still begin with.
        """
        for key in self.shared_checkpoints.keys() - set(kept):
            self._closed.add(key)
            del self.shared_checkpoints[key]

    def note_checkpoints(self, trial: str, checkpoints: Mapping[int, Any]) -> None:
        """Add those of a trial's checkpoints that other trials may begin with.

        Args:
            trial: Name of the trial.
            checkpoints: Tune's records of its checkpoints, by iteration.
        """
        for iteration in checkpoints.keys() & self.shared_iterations:
            if (trial, iteration) not in self._closed:
                self.shared_checkpoints[trial, iteration] = checkpoints[iteration]

    def note_report(self, trial: str, result: Mapping[str, Any]) -> None:
        """Add a report, which replaces an earlier one of the same iteration.

        Args:
            trial: Name of the trial.
            result: What `ErpoTrainable.step` returned, with Tune's own fields.
        """
        iteration = int(result[ITERATION])
        self._last_statistics[trial] = (iteration, result.get("sentences", {}))
        if result["score"] is not None:
            self.note_score(trial, iteration, Scored(result["step"], result["score"], result["objective"]))

    def note_score(self, trial: str, iteration: int, scored: Scored) -> None:
        """Add the score of a report."""
        self._scores[trial][iteration] = scored

    def objective_at(self, trial: str, iteration: int) -> float | None:
        """The objective of a report, of which more is better; None where there is none."""
        scored = self._scores[trial].get(iteration)
        return None if scored is None else scored.objective

    def statistics(self, trial: str, iteration: int, split: str = "validation") -> CorpusStatistics | None:
        """What each sentence adds to the score of a report.

        Those of a trial's last report are in memory. Earlier ones, and those of an earlier driver, are read from the
        store.

        Args:
            trial: Name of the trial.
            iteration: Iteration of the report.
            split: Split that was decoded.

        Returns:
            The statistics; None where the report has none, or there is no such report.
        """
        last, statistics = self._last_statistics.get(trial, (None, {}))
        if last == iteration:
            return statistics.get(split)
        frame = load_results(self.folder, table="sentences", trials=[trial])
        frame = frame[(frame["iteration"] == iteration) & (frame["split"] == split)]
        if frame.empty:
            return None
        row = frame.iloc[0]
        return CorpusStatistics(kind=row["kind"], values_ND=row["values"].reshape(row["num_sentences"], -1))

    def columns(self, trial: str) -> dict[str, Any]:
        """Best and final score, as columns of the table `trials`; empty before the first score.

        Of equal scores, the one at the earliest step is the best.
        """
        scores = self._scores[trial]
        if not scores:
            return {}
        best = max(scores.values(), key=lambda scored: (scored.objective, -scored.step))
        return {"best_score": best.score, "best_step": best.step, "final_score": scores[max(scores)].score}

    def forget(self, trial: str) -> bool:
        """Remove the reports of a trial; returns whether it had a score."""
        self._last_statistics.pop(trial, None)
        return self._scores.pop(trial, None) is not None
