"""The Ray Tune Trainable around a training run: one Tune iteration is one interval.

Starting a process and importing torch takes seconds, so an actor trains one trial after the other (`reset_config`). The
instructions of a trial are its config (an `Assignment`); what it has become, its path so far included, is its
checkpoint. A worker that receives SIGTERM saves the interval in progress (`preempted_interval.py`), and another worker
of the trial continues from there.
"""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import torch
from ray import tune

from erpo_explore.callables import register_all
from erpo_explore.config.experiment import FinalTest, Resources, Training
from erpo_explore.errors import DivergedError
from erpo_explore.seq2seq import ModelConfig
from erpo_explore.tasks import Task
from erpo_explore.trial.assignment import Assignment
from erpo_explore.trial.averaging import num_copies
from erpo_explore.trial.checkpoint import BYTES_PER_COPY, BYTES_PER_PARAMETER, load_checkpoint, save_checkpoint
from erpo_explore.trial.final_test import decode_test_set
from erpo_explore.trial.initial_weights import InitialWeights
from erpo_explore.trial.interval import StopRequestedError
from erpo_explore.trial.observation import Observation
from erpo_explore.trial.training import TrainingRun, choose_device
from erpo_explore.tune._ray_internals import drop_from_last_result, storage_of_worker, with_checkpoint_of_its_own
from erpo_explore.tune.search_path import search_also
from erpo_explore.tune.worker.disk_space import check_disk_space
from erpo_explore.tune.worker.memory_limit import memory_limited
from erpo_explore.tune.worker.preempted_interval import (
    PREEMPTED_INTERVAL_FILE,
    PreemptedInterval,
    PreemptedIntervalFile,
)
from erpo_explore.tune.worker.preemption_signal import PreemptedError, PreemptionSignal
from erpo_explore.tune.worker.watchdog import HUNG, interval_limit_s, time_limited

__all__ = ["ErpoTrainable"]

_NUM_SAMPLES: Final = 8

_DECIDES: Final = ("spec", "until", "generation", "parent", "next_knot", "attempt")
"""Entries of the config that the next interval depends on."""


class ErpoTrainable(tune.Trainable):
    """A trial in a worker of Tune's."""

    def setup(  # type: ignore[override]  # `tune.with_parameters` adds the keywords
        self,
        config: dict[str, Any],
        *,
        task: Task,
        model: ModelConfig,
        training: Training,
        resources: Resources,
        reseeds_members: bool,
        initial_weights: InitialWeights | None = None,
        test: FinalTest | None = None,
        callables: Mapping[str, Any] = MappingProxyType({}),
        search_path: Sequence[str] = (),
    ) -> None:
        """Begin a trial in a fresh process; the keywords come with the trainable (`tune.with_parameters`).

        Args:
            config: The trial's `Assignment`, as plain values.
            task: The training data.
            model: The model to train.
            training: Budget and optimizer.
            resources: Threads per trial, limits, and number of retries.
            reseeds_members: Whether the scheduler re-seeds a member that diverged from another one's checkpoint.
            initial_weights: The weights that every trial begins with; None for randomly initialised ones.
            test: How the test set is decoded once at the end; None skips it.
            callables: Functions that the driver's program passed as values, by name.
            search_path: Folders in which the driver looks for modules last; a worker does so too.
        """
        search_also(search_path)
        register_all(callables)
        torch.set_num_threads(resources.cpus_per_trial)
        self._resources = resources
        self._reseeds_members = reseeds_members
        self._parts = (task, model, training)
        self._initial_weights = initial_weights
        self._test = test if len(task.test) > 0 else None
        self._preemption = PreemptionSignal()
        if self.is_actor():  # type: ignore[no-untyped-call]  # Tune leaves it untyped
            self._preemption.listen()
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin another trial in this process."""
        self._begin(new_config)
        return True

    def take_config(self, config: dict[str, Any]) -> None:
        """Set the config of the next interval; the run itself changes with the checkpoint that is loaded after this."""
        self.config = config

    @property
    def _assignment(self) -> Assignment:
        return Assignment.from_dict(self.config)

    def _begin(self, config: dict[str, Any]) -> None:
        assignment = Assignment.from_dict(config)
        self._spec = assignment.spec
        self._run = TrainingRun(*self._parts, self._spec, choose_device(), attempt=assignment.attempt)
        if self._initial_weights is not None:
            self._run.branch_from(self._initial_weights.for_seed(self._spec.seed))
        self._set_target(assignment)
        self._preempted_interval = PreemptedInterval(self._interval_file())

    def _set_target(self, assignment: Assignment) -> None:
        if assignment.next_knot is not None and assignment.until is not None:
            self._run.set_target(assignment.next_knot, num_intervals=assignment.until)

    def step(self) -> dict[str, Any]:
        """Train one interval and report it; the trial ends after its budget.

        A trial with a non-finite loss fails, and is tried again as long as it may fail once more; then it ends as
        diverged. A member that the scheduler re-seeds reports the divergence instead, and does not end before its
        budget.

        Raises:
            DivergedError: The loss is non-finite, and the trial may be tried again.
            MemoryError: This process exceeded the memory limit of a trial.
            OSError: This machine's disk has no space for the checkpoint that would follow.
            PreemptedError: This process received SIGTERM.
        """
        self._check_disk_space()
        self._preempted_interval.resume(self._run, self._interval_start())
        assignment, is_last = self._assignment, self._run.in_last_interval
        observation = self._advance()
        is_reseeded = self._reseeds_members and self._spec.role == "member"
        diverged = observation.status == "diverged"
        if diverged and not is_reseeded and assignment.num_failures < self._resources.max_failures:
            raise DivergedError(f"non-finite loss after step {observation.step}")
        measured = observation.to_row()
        if self._test is not None and observation.status == "finished":
            with self._run.averaged():
                tested, scores = decode_test_set(self._run.model, self._parts[0], self._test)
            measured |= {
                "test": tested,
                "sentences": measured["sentences"] | {"test": scores.statistics},
                "measures": measured["measures"] | {"test": [asdict(measure) for measure in scores.measures]},
            }
        return {
            **measured,
            "generation": assignment.generation,
            "parent": assignment.parent,
            "node": socket.gethostname(),
            "done": self._gives_up(assignment, is_last)
            if diverged and is_reseeded
            else observation.status != "running",
        }

    def _advance(self) -> Observation:
        """One interval within the limits of time and memory."""
        limit_s = interval_limit_s(self._resources.timeout_s, self._run.longest_interval_s)
        try:
            with time_limited(limit_s, self._trace), memory_limited(self._resources.memory_per_trial_gb):
                return self._run.advance(num_samples=_NUM_SAMPLES, should_stop=self._preemption.is_received)
        except StopRequestedError:
            saved = self._preempted_interval.save(self._run, self._interval_start())
            raise PreemptedError(f"its worker was preempted; {saved}") from None

    def _gives_up(self, assignment: Assignment, is_last: bool) -> bool:
        """Whether a member that diverged ends: the budget is spent, or it has been re-seeded too often."""
        return is_last or assignment.num_reseeds >= self._resources.max_failures

    def _check_disk_space(self) -> None:
        if storage_of_worker(self) is not None:
            copies = num_copies(self._parts[2].average) + len(self._spec.path.anchors)
            check_disk_space(self._run.model.num_parameters * (BYTES_PER_PARAMETER + copies * BYTES_PER_COPY))

    def _interval_start(self) -> dict[str, Any]:
        """Identifies what the interval in progress started from."""
        return {name: self.config[name] for name in _DECIDES} | self._run.interval_start

    def _interval_file(self) -> PreemptedIntervalFile | None:
        """The trial's file for a preempted interval; None where Tune gave the trial no folder."""
        storage = storage_of_worker(self)
        if storage is None:
            return None
        path = f"{storage.trial_fs_path}/{PREEMPTED_INTERVAL_FILE}"
        return PreemptedIntervalFile(filesystem=storage.storage_filesystem, path=path)

    @property
    def _trace(self) -> Path | None:
        """File for the stacks of a hung worker; None where Tune gave the trial no folder."""
        storage = storage_of_worker(self)
        return Path(storage.trial_working_directory) / HUNG if storage is not None else None

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write the run's state."""
        drop_from_last_result(self, "sentences")
        self._check_disk_space()  # torch's own message does not say that a disk is full
        save_checkpoint(self._run.state(), Path(checkpoint_dir))
        self._preempted_interval.discard()

    def restore(self, checkpoint_path: Any) -> None:
        """As Tune's, but downloads into a folder that no other worker uses."""
        super().restore(with_checkpoint_of_its_own(checkpoint_path, tune.Checkpoint))

    def load_checkpoint(  # type: ignore[override]  # a folder since save_checkpoint wrote to one
        self, checkpoint_dir: str
    ) -> None:
        """Continue from a state: the trial's own, or that of the donor that the scheduler chose."""
        self._run.load_state(load_checkpoint(Path(checkpoint_dir)))
        self._set_target(self._assignment)
