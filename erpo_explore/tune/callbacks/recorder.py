"""Writes trial results and population decisions to the results store.

A plain value that Tune can pickle with its callbacks and scheduler. The store is opened when the first row is written.
What the scheduler needs to know of the results is in `tune.scoreboard`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final, Literal

from erpo_explore.search.decisions import Decision
from erpo_explore.stats.bootstrap import CorpusStatistics
from erpo_explore.store import ResultsWriter, load_results
from erpo_explore.store.files import Folder, Location, within
from erpo_explore.store.rows import to_json
from erpo_explore.store.schema import TABLES
from erpo_explore.trial import TrialSpec
from erpo_explore.tune.callbacks.failures import Failures
from erpo_explore.tune.callbacks.lineage_rows import branch_row, decision_rows, first_rows
from erpo_explore.tune.scoreboard import Scoreboard
from erpo_explore.tune.trial_view import ITERATION

__all__ = ["Recorder", "reported_status"]

_OBSERVED: Final = frozenset(column.name for column in TABLES["observations"].columns)


def reported_status(result: Mapping[str, Any]) -> str:
    """Status of a trial at a report: its own, or `stopped` where Tune ends the trial before its budget."""
    return "stopped" if result["done"] and result["status"] == "running" else str(result["status"])


@dataclass(frozen=True, kw_only=True)
class Recorder:
    """Writes one exploration's rows.

    Attributes:
        exploration: Name of the exploration.
        task: Name of the task.
        model: Name of the model.
        metric: Name of the task's own metric.
        higher_is_better: Direction of that metric.
        scoreboard: Source of each trial's best and final score.
    """

    exploration: str
    task: str
    model: str
    metric: str
    higher_is_better: bool = True
    scoreboard: Scoreboard

    def __getstate__(self) -> dict[str, Any]:
        """State without the open store and what was read from it."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore what `__getstate__` returned."""
        self.__dict__.update(state)

    @property
    def folder(self) -> Location:
        """Results folder, resolved."""
        return self.scoreboard.folder

    def score_of(self, objective: float) -> float:
        """The score of an objective, in the metric's own direction."""
        return objective if self.higher_is_better else -objective

    @cached_property
    def _writer(self) -> ResultsWriter:
        return ResultsWriter.open(self.folder)

    @cached_property
    def _path(self) -> str:
        """The results folder, as its file system knows it."""
        return Folder.at(self.folder).path

    @cached_property
    def _failures(self) -> dict[str, Failures]:
        """Failures per trial; includes those that an earlier driver recorded."""
        failures: dict[str, Failures] = defaultdict(Failures)
        reports = load_results(self.folder, columns=["trial", "iteration", "status", "step"])
        for trial, *report in reports[reports["status"] == "diverged"].itertuples(index=False):
            failures[trial] = failures[trial].with_report(*report)
        trials = load_results(self.folder, table="trials", columns=["trial", "num_failures", "error"])
        for trial, count, error in trials[trials["num_failures"] > 0].itertuples(index=False):
            known = failures[trial]
            failures[trial] = replace(known, num_ended=int(count) - len(known.diverged), error=error)
        return failures

    @cached_property
    def _last_rows(self) -> dict[str, dict[str, Any]]:
        """The last observation of each trial that this driver recorded."""
        return {}

    def begin(self, specs: Sequence[TrialSpec]) -> None:
        """Record every trial before it starts, and the population's first knots."""
        self._writer.append("trials", [self._untrained(spec) for spec in specs])
        members = [spec for spec in specs if spec.role == "member"]
        self._writer.append("lineage", first_rows(members, self.exploration))

    def begin_anew(self, spec: TrialSpec) -> None:
        """Record a trial that is suggested while the exploration runs.

        A driver that was killed before Tune saved the trial leaves reports of it in the store, which are removed.
        """
        if self.scoreboard.forget(spec.name):
            self._writer.remove_reports(spec.name)
        self._failures.pop(spec.name, None)
        self.begin([spec])

    def begin_branch(self, spec: TrialSpec, *, donor: str | None, iteration: int, interval: int, reason: str) -> None:
        """Record a branch that is proposed while the exploration runs, and where it begins.

        Args:
            spec: The trial.
            donor: Trial whose checkpoint it begins with; None for the initial weights.
            iteration: Report of the donor whose checkpoint it is; 0 without one.
            interval: Optimizer steps per interval.
            reason: Why it was proposed.
        """
        self.begin_anew(spec)
        objective = None if donor is None else self.scoreboard.objective_at(donor, iteration)
        row = branch_row(
            spec,
            self.exploration,
            donor=donor,
            donor_score=None if objective is None else self.score_of(objective),
            iteration=iteration,
            interval=interval,
            reason=reason,
        )
        self._writer.append("lineage", [row])

    def note_handover(self, record: Mapping[str, object]) -> None:
        """Write what the search would hand over now into `exploration.yaml`."""
        self._writer.note({"handover": dict(record)})

    def end_search(self) -> None:
        """Note that no trial will be suggested any more."""
        self._writer.note({"search_ended": True})
        self.scoreboard.shared_checkpoints.clear()

    def observe(self, spec: TrialSpec, result: Mapping[str, Any]) -> None:
        """Record one report of a trial: an observation, its samples, its sentences, and the trial's state.

        The scoreboard must have the report already, since the trial's best score may be this one.

        Args:
            spec: The trial.
            result: What `ErpoTrainable.step` returned, with Tune's own fields.
        """
        iteration = int(result[ITERATION])
        keys: dict[str, Any] = {"exploration": self.exploration, "trial": spec.name}
        row = {name: value for name, value in result.items() if name in _OBSERVED}
        row |= keys | {
            "role": spec.role,
            "algorithm": spec.algorithm,
            "seed": spec.seed,
            "iteration": iteration,
            "task": self.task,
            "model": self.model,
            "path": to_json(result["path"]),
            "status": reported_status(result),
            "reported_at": datetime.now(UTC),
        }
        self._writer.append("observations", [row])
        self._last_rows[spec.name] = row
        keys |= {"iteration": iteration, "step": row["step"]}
        if result["samples"]:
            self._writer.append("samples", [keys | dict(sample) for sample in result["samples"]])
        if statistics := result.get("sentences", {}):
            self._writer.append("sentences", [keys | _sentences(*each) for each in statistics.items()])
        measures = [
            keys | {"split": split} | measure for split, each in result.get("measures", {}).items() for measure in each
        ]
        if measures:
            self._writer.append("measures", measures)
        if "test" in result:
            self._writer.append("tests", [keys | result["test"]])
        self._summarise(spec, row, str(result["point"]))

    def note_checkpoint(self, spec: TrialSpec, iteration: int, checkpoint: str) -> None:
        """Record the location of a report's weights, once they are written.

        Args:
            spec: The trial.
            iteration: Iteration of the report.
            checkpoint: Folder of the weights, as the file system of the results knows it.
        """
        row = self._last_rows.get(spec.name)
        if row is not None and row["iteration"] == iteration:
            self._writer.append("observations", [row | {"checkpoint": within(checkpoint, self._path) or checkpoint}])

    def fail(
        self,
        spec: TrialSpec,
        result: Mapping[str, Any] | None,
        error: str,
        *,
        num_failures: int,
        status: Literal["running", "failed"],
    ) -> None:
        """Record that a trial's worker has ended with an error.

        Args:
            spec: The trial.
            result: Its last report; None or without a step before the first.
            error: Reason in one line.
            num_failures: Number of its workers that have ended with an error.
            status: `running` where the trial is tried again, `failed` where it has ended.
        """
        self._failures[spec.name] = replace(self._failures[spec.name], num_ended=num_failures, error=error)
        summary = self._untrained(spec)
        # before its first report, Tune knows a trial's id, and perhaps its worker's host
        if result and "step" in result:
            summary |= {name: result[name] for name in ("elapsed_s", "parent", "generation", "point")}
            summary |= {"steps": result["step"], "num_observations": result[ITERATION]}
            summary["path"] = to_json(result["path"])
        summary |= self.scoreboard.columns(spec.name) | self._failures[spec.name].columns()
        self._writer.append("trials", [summary | {"status": status}])

    def decide(self, decisions: Sequence[Decision], *, interval: int) -> None:
        """Record decisions of the population.

        Args:
            decisions: One per member.
            interval: Optimizer steps per interval.
        """
        self._writer.append(
            "lineage",
            decision_rows(decisions, self.exploration, interval=interval, score_of=self.score_of),
        )

    def _untrained(self, spec: TrialSpec) -> dict[str, Any]:
        """A trial's row of the table `trials` before its first report."""
        return {
            "exploration": self.exploration,
            "trial": spec.name,
            "role": spec.role,
            "algorithm": spec.algorithm,
            "seed": spec.seed,
            "status": "running",
            "num_observations": 0,
            "num_failures": 0,
            "score_name": self.metric,
            "steps": 0,
            "elapsed_s": 0.0,
            "generation": 0,
            "path": to_json(spec.path.until(0.0).to_dict()),
            "point": str(spec.path.at(0.0)),
        }

    def _summarise(self, spec: TrialSpec, row: Mapping[str, Any], point: str) -> None:
        """Bring a trial's row of the table `trials` up to date with its last report."""
        failures = self._failures[spec.name].with_report(row["iteration"], row["status"], row["step"])
        self._failures[spec.name] = failures
        summary = self._untrained(spec) | failures.columns()
        summary |= {
            "status": row["status"],
            "num_observations": row["iteration"],
            "steps": row["step"],
            "point": point,
        }
        summary |= {name: row[name] for name in ("elapsed_s", "parent", "generation", "path")}
        self._writer.append("trials", [summary | self.scoreboard.columns(spec.name)])


def _sentences(split: str, statistics: CorpusStatistics) -> dict[str, Any]:
    """Statistics of a report as columns of the table `sentences`."""
    return {
        "split": split,
        "kind": statistics.kind,
        "num_sentences": statistics.num_sentences,
        "values": statistics.values_ND.ravel(),
    }
