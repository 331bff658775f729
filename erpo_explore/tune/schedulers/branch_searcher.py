"""Branch, model, race on Tune: the planned trials first, then a branch for every slot that is free.

A branch is a trial of its own. It begins with the checkpoint of another trial of its seed, at the end of a phase, or
with the seed's initial weights, and trains to the end of the budget with the draws of an undisturbed run of its path.
`search.branching` chooses it from the scores of all trials. No branch waits for another.

Proposals are recorded before they start, and a resumed search takes those that are recorded before it proposes new
ones. So it repeats what Tune's snapshot had missed, and proposes nothing else in its place. Where a donor must repeat
its phase, its branch waits for it.

Checkpoints at the ends of phases stay as long as a branch may begin with them, and no longer: `open_checkpoints`.

Legend: Q phases.
"""

import json
import math
import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path as FilePath
from typing import Any, Final

from ray.tune.search import Searcher

from erpo_explore.config.experiment import Experiment
from erpo_explore.plan.branches import handover_record
from erpo_explore.plan.methods.branch import turns_of
from erpo_explore.plan.trials import num_suggested
from erpo_explore.search.branching import Branch, Branching, open_checkpoints, propose
from erpo_explore.search.path_prior import PathPrior
from erpo_explore.search.phases import Checkpoint, Letters, Phases
from erpo_explore.space import Path
from erpo_explore.store import load_manifest, load_results
from erpo_explore.trial import TrialSpec
from erpo_explore.trial.assignment import Assignment
from erpo_explore.tune.callbacks.recorder import Recorder
from erpo_explore.tune.resources import num_slots, trial_resources

__all__ = ["PlannedThenBranches"]

_COUNT_EVERY_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trained:
    """A trial whose scores the search learns from.

    Attributes:
        name: Its name.
        branch: What it trains, on which seed of the search.
        is_planned: Whether it is a baseline, which costs the search nothing.
    """

    name: str
    branch: Branch
    is_planned: bool


class PlannedThenBranches(Searcher):
    """Tune's searcher for `search.method: branch`."""

    def __init__(
        self,
        experiment: Experiment,
        planned: Sequence[TrialSpec],
        metric: str,
        recorder: Recorder,
        *,
        slots: Callable[[], int] | None = None,
    ) -> None:
        """Bind to an exploration.

        Args:
            experiment: Candidates, phases, budget and seed.
            planned: Trials that are started first. Those that stay at one of the algorithms are branches, too.
            metric: Name of the task's metric.
            recorder: Records branches before they start, and has the scores and the checkpoints.
            slots: Trials that can train at the same time. Default: as many as the cluster has room for now.
        """
        super().__init__(metric="objective", mode="max")
        self._experiment = experiment
        self._planned = tuple(planned)
        self._recorder = recorder
        self._slots = slots or self._cluster_slots
        self._turns = turns_of(experiment, metric)
        self._num_planned = 0
        self._branches: list[Branch] = []
        self._names: dict[str, str] = {}
        self._ended: set[str] = set()
        self._counted: tuple[float, int] = (-math.inf, 0)
        self._considered: tuple[tuple[int, ...], Branch | None] = ((), None)

    def suggest(self, trial_id: str) -> Any:
        """The next planned trial, or the next branch; None while there is nothing to begin."""
        if self._num_planned < len(self._planned):
            spec = self._planned[self._num_planned]
            self._num_planned += 1
            self._names[trial_id] = spec.name
            return Assignment(spec=spec).to_dict()
        num_running = len(self._names) - len(self._ended & set(self._names.values()))
        if num_running >= max(1, self._slots()):
            return None
        branch = self._recorded_branch(len(self._branches)) or self._proposed_branch()
        if branch is None:
            if num_running:
                return None
            self._recorder.end_search()
            return Searcher.FINISHED
        donor, shared = self._donor(branch), self._recorder.scoreboard.shared_checkpoints
        if branch.start > 0 and (donor, self._iteration(branch)) not in shared:
            if num_running:
                return None
            # nothing will write the checkpoint any more
            branch, donor = replace(branch, start=0, cost=self._phases.cost(branch.path)), None
        return self._begun(trial_id, branch, donor)

    def _begun(self, trial_id: str, branch: Branch, donor: str | None) -> dict[str, Any]:
        """Record a branch and hand it out."""
        index = len(self._branches)
        spec = TrialSpec(
            name=_name(index),
            role="branch",
            algorithm=None,
            seed=self._experiment.seed + branch.seed,
            path=self._turns.path(branch.path),
        )
        self._branches.append(branch)
        self._names[trial_id] = spec.name
        self._recorder.begin_branch(
            spec,
            donor=donor,
            iteration=self._iteration(branch),
            interval=self._experiment.training.interval,
            reason=f"{branch.reason}: {self._turns.words(branch.path)}",
        )
        return Assignment(spec=spec, parent=donor, generation=self._iteration(branch)).to_dict()

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Note that a trial has ended, with or without a score at its end, and what the search would hand over now."""
        del result, error
        self._ended.add(self._names[trial_id])
        before: Any = load_manifest(self._recorder.folder).get("handover")
        record = handover_record(
            self._phases,
            self._checkpoints(),
            self._turns,
            self._settings,
            seed=self._experiment.seed,
            score_of=self._recorder.score_of,
            runs=self._runs(),
            before=before,
        )
        if record is not None:
            self._recorder.note_handover(record)
        self._close_checkpoints()
        if len(self._branches) == self._most and self._ended >= set(self._names.values()):
            self._recorder.end_search()  # Tune does not ask again

    @cached_property
    def _manifest(self) -> dict[str, Any]:
        return dict(load_manifest(self._recorder.folder))

    @cached_property
    def _settings(self) -> Branching:
        written = self._manifest.get("search_prior")
        return Branching(prior=PathPrior.from_dict(written)) if written else Branching()

    @cached_property
    def _phases(self) -> Phases:
        costs: Any = self._manifest["search_costs"]
        return self._turns.phases(costs)

    def _cluster_slots(self) -> int:
        """Slots of the cluster, counted every few seconds."""
        experiment, now = self._experiment, time.monotonic()
        if now - self._counted[0] > _COUNT_EVERY_S:
            share = trial_resources(experiment.resources, len(self._planned) + self._most)
            self._counted = (now, num_slots(share))
        return self._counted[1]

    @property
    def _most(self) -> int:
        """Number of branches, at most."""
        return num_suggested(self._experiment)

    def _trained(self) -> list[_Trained]:
        """The trials so far, in the order in which they began."""
        first, phases = self._experiment.seed, self._phases
        trained = []
        for spec in self._planned:
            letters = self._turns.constant_of(spec.path)
            if letters is not None and spec.seed >= first:
                branch = Branch(
                    seed=spec.seed - first, path=letters, start=0, cost=phases.cost(letters), reason="a baseline"
                )
                trained.append(_Trained(name=spec.name, branch=branch, is_planned=True))
        branches = [
            _Trained(name=_name(index), branch=branch, is_planned=False) for index, branch in enumerate(self._branches)
        ]
        return trained + branches

    def _runs(self) -> dict[Letters, list[str]]:
        """Names of the trials of each whole path."""
        runs: dict[Letters, list[str]] = {}
        for trained in self._trained():
            runs.setdefault(trained.branch.path, []).append(trained.name)
        return runs

    def _objective(self, trained: _Trained, phase: int) -> float | None:
        """Objective of a trial after so many phases; None where it has none yet."""
        return self._recorder.scoreboard.objective_at(trained.name, self._turns.ends[phase - 1])

    def _checkpoints(self) -> list[Checkpoint]:
        """What was scored at the ends of phases, by trial and phase.

        A trial that ended without a score, as by divergence, counts as the lowest score of all.
        """
        checkpoints: dict[tuple[int, Letters], Checkpoint] = {}
        lost: list[_Trained] = []
        for trained in self._trained():
            branch = trained.branch
            for phase in range(branch.start + 1, len(branch.path) + 1):
                objective = self._objective(trained, phase)
                if objective is not None:
                    letters = branch.path[:phase]
                    known = Checkpoint(seed=branch.seed, letters=letters, objective=objective)
                    checkpoints.setdefault((branch.seed, letters), known)
            if trained.name in self._ended and self._objective(trained, len(branch.path)) is None:
                lost.append(trained)
        lowest = min((one.objective for one in checkpoints.values()), default=None)
        for trained in lost:
            branch = trained.branch
            if lowest is None:
                break
            known = Checkpoint(seed=branch.seed, letters=branch.path, objective=lowest)
            checkpoints.setdefault((branch.seed, branch.path), known)
        return list(checkpoints.values())

    def _proposed_branch(self) -> Branch | None:
        """The branch that tells most per time; None while there is none.

        Tune asks ten times per second, so the answer is kept until something else is known.
        """
        trained, checkpoints = self._trained(), self._checkpoints()
        known = (len(self._branches), len(checkpoints), len(self._ended))
        if self._considered[0] == known:
            return self._considered[1]
        proposed = propose(
            self._phases,
            checkpoints,
            self._settings,
            left=self._left,
            seed=self._experiment.seed,
            number=len(self._branches),
            running=[one.branch for one in trained if self._objective(one, len(one.branch.path)) is None],
        )
        self._considered = (known, proposed[0] if proposed else None)
        return self._considered[1]

    @property
    def _left(self) -> float:
        """Time that is left, without that of running branches."""
        return float(self._experiment.search.members) - sum(branch.cost for branch in self._branches)

    def _close_checkpoints(self) -> None:
        """Give up the checkpoints with which no branch can begin any more, so that they are deleted."""
        is_open = open_checkpoints(self._phases, self._checkpoints(), left=self._left)
        number = len(self._branches)
        while (branch := self._recorded_branch(number)) is not None:
            is_open.add((branch.seed, branch.checkpoint))
            number += 1
        for trained in self._trained():
            if self._objective(trained, trained.branch.start + 1) is None and trained.name not in self._ended:
                is_open.add((trained.branch.seed, trained.branch.checkpoint))  # it has no checkpoint of its own yet
        kept: dict[tuple[int, Letters], tuple[str, int]] = {}
        for trained in self._trained():
            own = trained.branch
            for phase in range(own.start + 1, len(own.path)):
                key = own.seed, own.path[:phase]
                if key in is_open and self._objective(trained, phase) is not None:
                    kept.setdefault(key, (trained.name, self._turns.ends[phase - 1]))
        self._recorder.scoreboard.close_checkpoints(kept.values())

    def _recorded_branch(self, number: int) -> Branch | None:
        """The branch of a number, where an earlier driver has recorded it."""
        row = self._record.get(_name(number))
        if row is None:
            return None
        path, generation = Path.from_dict(json.loads(row["path"])), int(row["generation"])
        letters = self._turns.letters_of(path)
        start = 0 if generation == 0 else 1 + self._turns.ends.index(generation)
        return Branch(
            seed=int(row["seed"]) - self._experiment.seed,
            path=letters,
            start=start,
            cost=self._phases.cost(letters, start=start),
            reason=str(row["reason"]).partition(": ")[0],
        )

    @cached_property
    def _record(self) -> dict[str, dict[str, Any]]:
        """Rows of the branches that were recorded before this driver, by name."""
        lineage = load_results(
            self._recorder.folder, table="lineage", columns=["trial", "generation", "path", "reason"]
        )
        trials = load_results(self._recorder.folder, table="trials", columns=["trial", "seed"])
        rows = lineage.merge(trials, on="trial").to_dict("records")
        return {str(row["trial"]): {str(name): value for name, value in row.items()} for row in rows}

    def _donor(self, branch: Branch) -> str | None:
        """The trial whose checkpoint a branch begins with; None for the initial weights."""
        if branch.start == 0:
            return None
        for trained in self._trained():
            own = trained.branch
            is_before = own.seed == branch.seed and own.path[: branch.start] == branch.checkpoint
            if is_before and own.start < branch.start and self._objective(trained, branch.start) is not None:
                return trained.name
        return None

    def _iteration(self, branch: Branch) -> int:
        """Number of the report that a branch begins after."""
        return self._turns.ends[branch.start - 1] if branch.start else 0

    def save(self, checkpoint_path: str) -> None:
        """Write which trials were handed out, and which have ended."""
        state = {name: self.__dict__[name] for name in ("_num_planned", "_branches", "_names", "_ended")}
        FilePath(checkpoint_path).write_bytes(pickle.dumps(state))

    def restore(self, checkpoint_path: str) -> None:
        """Read what `save` wrote."""
        self.__dict__.update(pickle.loads(FilePath(checkpoint_path).read_bytes()))  # noqa: S301 - Tune's own state


def _name(index: int) -> str:
    return f"branch-{index}"
