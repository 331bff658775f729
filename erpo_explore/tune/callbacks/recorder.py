"""The driver's pen: turns what trials report and what the population decides into rows of the results store.

Legend: N sentences, D statistics of each.

A plain value that Tune can pickle with its callbacks and scheduler; the store itself is opened when a row is written.
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

__all__ = ["Recorder", "reported_status"]

_OBSERVED: Final = frozenset(column.name for column in TABLES["observations"].columns)


def reported_status(result: Mapping[str, Any]) -> str:
    """The state of a trial at a report: its own, or `stopped` where Tune has decided to end it before its budget."""
    return "stopped" if result["done"] and result["status"] == "running" else str(result["status"])


@dataclass(frozen=True, kw_only=True)
class Recorder:
    """Writes one exploration's rows.

    Attributes:
        folder: The results folder, resolved.
        exploration: Its name.
        task: Name of the task.
        model: Name of the model.
        metric: Name of the task's own metric.
    """

    folder: Location
    exploration: str
    task: str
    model: str
    metric: str

    def __getstate__(self) -> dict[str, Any]:
        """Without the open store and what was read from it."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """What `__getstate__` returned."""
        self.__dict__.update(state)

    @cached_property
    def _writer(self) -> ResultsWriter:
        return ResultsWriter.open(self.folder)

    @cached_property
    def _path(self) -> str:
        """The results folder, as its file system knows it."""
        return Folder.at(self.folder).path

    @cached_property
    def _scores(self) -> dict[str, dict[int, tuple[int, float]]]:
        """(step, score) of each trial's reports, by iteration; also of those that an earlier driver recorded."""
        frame = load_results(self.folder, columns=["trial", "iteration", "step", "score"]).dropna(subset="score")
        scores: dict[str, dict[int, tuple[int, float]]] = defaultdict(dict)
        for trial, iteration, step, score in frame.itertuples(index=False):
            scores[trial][int(iteration)] = (int(step), float(score))
        return scores

    def begin(self, specs: Sequence[TrialSpec]) -> None:
        """Record every trial before it starts, and the population's first knots."""
        self._writer.append("trials", [self._untrained(spec) for spec in specs])
        members = [spec for spec in specs if spec.role == "member"]
        self._writer.append(
            "lineage",
            [
                {
                    "exploration": self.exploration,
                    "trial": spec.name,
                    "generation": 0,
                    "step": 0,
                    "action": "start",
                    "population": len(members),
                    "knot": to_json(spec.path.end.to_dict()),
                    "path": to_json(spec.path.until(0.0).to_dict()),
                    "reason": "first knot, drawn from the ranges",
                    "decided_at": datetime.now(UTC),
                }
                for spec in members
            ],
        )

    def begin_anew(self, spec: TrialSpec) -> None:
        """Record a trial that is made up while the exploration runs.

        A driver that was killed before Tune had written the trial down leaves reports of it behind, which are removed.
        """
        if self._scores.pop(spec.name, None) is not None:
            self._writer.remove_reports(spec.name)
        self._failures.pop(spec.name, None)
        self._last_statistics.pop(spec.name, None)
        self.begin([spec])

    @cached_property
    def _last_statistics(self) -> dict[str, tuple[int, Mapping[str, CorpusStatistics]]]:
        """Iteration of the last report of each trial that this driver recorded, and its statistics by split."""
        return {}

    @cached_property
    def _failures(self) -> dict[str, Failures]:
        """Those of each trial; also of those that an earlier driver recorded."""
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

    def observe(self, spec: TrialSpec, result: Mapping[str, Any]) -> None:
        """Record one report of a trial: an observation, its samples, its sentences, and the trial's state.

        Args:
            spec: The trial.
            result: What `ErpoTrainable.step` returned, with Tune's own fields.
        """
        iteration = int(result["training_iteration"])
        whose = {"exploration": self.exploration, "trial": spec.name}
        row = {name: value for name, value in result.items() if name in _OBSERVED}
        row |= whose | {
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
        which = whose | {"iteration": iteration, "step": row["step"]}
        if result["samples"]:
            self._writer.append("samples", [which | dict(sample) for sample in result["samples"]])
        statistics = result.get("sentences", {})
        if statistics:
            self._writer.append("sentences", [which | _row(*each) for each in statistics.items()])
        if "test" in result:
            self._writer.append("tests", [which | result["test"]])
        self._last_statistics[spec.name] = (iteration, statistics)
        self._summarise(spec, row, str(result["point"]))

    def statistics(self, trial: str, iteration: int, split: str = "validation") -> CorpusStatistics | None:
        """What each sentence added to the score of a report.

        That of a trial's last report is at hand; earlier ones, and those of an earlier driver, are read from the store.

        Args:
            trial: Name of the trial.
            iteration: Of the report.
            split: What was decoded.

        Returns:
            The statistics; None where the report has none, or was never made.
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

    def note_checkpoint(self, spec: TrialSpec, iteration: int, checkpoint: str) -> None:
        """Record where the weights of a report lie, once they are written.

        Args:
            spec: The trial.
            iteration: Of the report.
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
            result: Its last report, if it made one.
            error: What went wrong, in a line.
            num_failures: How often that has happened.
            status: `running` where the trial is tried again, `failed` where it has ended.
        """
        self._failures[spec.name] = replace(self._failures[spec.name], num_ended=num_failures, error=error)
        summary = self._untrained(spec)
        # before its first report, what Tune knows of a trial is its id, and perhaps its worker's host
        if result and "step" in result:
            summary |= {name: result[name] for name in ("elapsed_s", "parent", "generation", "point")}
            summary |= {"steps": result["step"], "num_observations": result["training_iteration"]}
            summary["path"] = to_json(result["path"])
        summary |= self._scored(spec) | self._failures[spec.name].columns()
        self._writer.append("trials", [summary | {"status": status}])

    def note_score(self, trial: str, iteration: int, step: int, score: float) -> None:
        """Remember the score of a report for the population's decisions and for the summary."""
        self._scores[trial][iteration] = (step, score)

    def score_at(self, trial: str, iteration: int) -> float | None:
        """The score of a report; None where there was none."""
        _, score = self._scores[trial].get(iteration, (0, None))
        return score

    def decide(self, decisions: Sequence[Decision], *, interval: int) -> None:
        """Record what the population decided.

        Args:
            decisions: One a member.
            interval: Optimizer steps of an interval.
        """
        self._writer.append(
            "lineage",
            [
                {
                    "exploration": self.exploration,
                    "trial": decision.member,
                    "generation": decision.generation,
                    "step": decision.generation * interval,
                    "until_step": decision.until * interval,
                    "period": decision.period,
                    "action": decision.action,
                    "donor": decision.donor,
                    "score": decision.score,
                    "donor_score": decision.donor_score,
                    "p_value": decision.p_value,
                    "rank": decision.rank,
                    "population": decision.population,
                    "knot": to_json(decision.next_knot.to_dict()),
                    "path": to_json(decision.path.to_dict()),
                    "reason": decision.reason,
                    "decided_at": datetime.now(UTC),
                }
                for decision in decisions
            ],
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
        if row["score"] is not None:
            self.note_score(spec.name, row["iteration"], row["step"], row["score"])
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
        self._writer.append("trials", [summary | self._scored(spec)])

    def _scored(self, spec: TrialSpec) -> dict[str, Any]:
        """Best and final score of a trial; the earliest step wins a tie."""
        scores = self._scores[spec.name]
        if not scores:
            return {}
        best_step, best_score = max(scores.values(), key=lambda scored: (scored[1], -scored[0]))
        return {"best_score": best_score, "best_step": best_step, "final_score": scores[max(scores)][1]}


def _row(split: str, statistics: CorpusStatistics) -> dict[str, Any]:
    """Statistics as columns of the table `sentences`."""
    return {
        "split": split,
        "kind": statistics.kind,
        "num_sentences": statistics.num_sentences,
        "values": statistics.values_ND.ravel(),
    }
