"""The Ray Trainable around a training run: one iteration is one interval.

An actor is reused for one trial after the other (`reset_config`), since starting a process and importing torch takes
seconds. What it is asked to do lies in its config; what it has become lies in its checkpoint, the walked path included.
A worker that is sent SIGTERM saves the interval that it is in (`trial/rescue.py`), and its trial goes on elsewhere from
there.
"""

import socket
import time
from pathlib import Path
from typing import Any, Final

import torch
from ray import tune
from ray.exceptions import RayActorError

from erpo_explore.config.experiment import LastTest, Resources, Training
from erpo_explore.errors import DivergedError
from erpo_explore.seq2seq import ModelConfig
from erpo_explore.stats.bootstrap import CorpusStatistics
from erpo_explore.tasks import Task
from erpo_explore.trial.assignment import Assignment
from erpo_explore.trial.checkpoint import BYTES_PER_PARAMETER, load_checkpoint, save_checkpoint
from erpo_explore.trial.evaluation import evaluate
from erpo_explore.trial.initial_weights import Trunk
from erpo_explore.trial.interval import ToldToEndError
from erpo_explore.trial.training import TrainingRun, choose_device
from erpo_explore.tune.worker.disk_space import check_room
from erpo_explore.tune.worker.memory_limit import memory_limited
from erpo_explore.tune.worker.preempted_interval import RESCUE_FILE, RescueFile
from erpo_explore.tune.worker.preemption_signal import Notice
from erpo_explore.tune.worker.watchdog import interval_limit_s, limited

__all__ = ["HUNG", "ErpoTrainable", "PreemptedError"]

HUNG: Final = "hung.txt"
"""File in a trial's working folder, on its machine, with the stacks of a worker that was ended because it hung."""

_NUM_SAMPLES: Final = 8

_TO_DO: Final = ("spec", "until", "generation", "parent", "next_knot", "attempt")
"""What of a trial's config decides on its next interval."""


class PreemptedError(RayActorError):
    """The worker was told to end; Tune tries its trial again and does not count that as a failure."""

    def __init__(self, message: str) -> None:
        super().__init__(error_msg=message, preempted=True)


class ErpoTrainable(tune.Trainable):
    """A trial, as Tune sees it."""

    def setup(  # type: ignore[override]  # `tune.with_parameters` adds the keywords
        self,
        config: dict[str, Any],
        *,
        task: Task,
        model: ModelConfig,
        training: Training,
        resources: Resources,
        reseeds_members: bool,
        trunk: Trunk | None = None,
        test: LastTest | None = None,
    ) -> None:
        """Begin a trial in a fresh process; the keywords come with the trainable (`tune.with_parameters`).

        Args:
            config: The trial's `Assignment`, as plain values.
            task: What is trained on.
            model: What is trained.
            training: Budget and optimizer.
            resources: Threads, and what is done when a trial fails.
            reseeds_members: Whether the scheduler has a member that diverged go on from another one's checkpoint.
            trunk: The weights that every trial begins with; None for fresh ones.
            test: How the test set is decoded once at the end; None for not at all.
        """
        torch.set_num_threads(resources.cpus_per_trial)
        self._resources = resources
        self._reseeds_members = reseeds_members
        self._parts = (task, model, training)
        self._trunk = trunk
        self._test = test if len(task.test) > 0 else None
        self._notice = Notice()
        if self.is_actor():  # type: ignore[no-untyped-call]  # Tune leaves it untyped
            self._notice.listen()
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin another trial in this process."""
        self._begin(new_config)
        return True

    def take_config(self, config: dict[str, Any]) -> None:
        """Note what to do next; what the trial is comes with the checkpoint that is loaded after this."""
        self.config = config

    @property
    def _assignment(self) -> Assignment:
        return Assignment.from_dict(self.config)

    def _begin(self, config: dict[str, Any]) -> None:
        assignment = Assignment.from_dict(config)
        self._spec = assignment.spec
        self._run = TrainingRun(*self._parts, self._spec, choose_device(), attempt=assignment.attempt)
        if self._trunk is not None:
            self._run.take_weights(self._trunk.of(self._spec.seed))
        self._take_knot(assignment)
        self._looks_for_rescue, self._was_rescued = True, False

    def _take_knot(self, assignment: Assignment) -> None:
        if assignment.next_knot is not None and assignment.until is not None:
            self._run.walk_to(assignment.next_knot, num_intervals=assignment.until)

    def step(self) -> dict[str, Any]:
        """One interval; ends the trial after its budget.

        A trial whose loss is no longer a number fails and is tried again as long as it may fail once more; then it ends
        as diverged. A member that the scheduler will have go on from another one's checkpoint reports it and does not
        end before its budget.

        Raises:
            DivergedError: The loss is no longer a number, and the trial may be tried again.
            MemoryError: This process took more memory than a trial holds.
            OSError: This machine's disk has no room for the checkpoint that would follow.
            PreemptedError: This process was told to end.
        """
        self._check_room()
        self._take_up_rescue()
        assignment, is_last = self._assignment, self._run.in_last_interval
        limit_s = interval_limit_s(self._resources.timeout_s, self._run.longest_interval_s)
        try:
            with limited(limit_s, self._trace), memory_limited(self._resources.memory_per_trial_gb):
                observation = self._run.advance(num_samples=_NUM_SAMPLES, is_told_to_end=self._notice.is_given)
        except ToldToEndError:
            raise PreemptedError(f"its worker was told to end; {self._rescue()}") from None
        is_reseeded = self._reseeds_members and self._spec.role == "member"
        diverged = observation.status == "diverged"
        if diverged and not is_reseeded and assignment.num_failures < self._resources.max_failures:
            raise DivergedError(f"loss was no longer a number after step {observation.step}")
        measured = observation.to_row()
        if self._test is not None and observation.status == "finished":
            tested, statistics = self._decode_test(self._test)
            measured |= {"test": tested, "sentences": measured["sentences"] | {"test": statistics}}
        return {
            **measured,
            "generation": assignment.generation,
            "parent": assignment.parent,
            "node": socket.gethostname(),
            "done": self._gives_up(is_last) if diverged and is_reseeded else observation.status != "running",
        }

    def _check_room(self) -> None:
        if self._storage is not None:
            check_room(self._run.model.num_parameters * BYTES_PER_PARAMETER)

    @property
    def _rescue_file(self) -> RescueFile | None:
        """Where the interval is saved; None where Tune gave the trial no folder."""
        if self._storage is None:
            return None
        path = f"{self._storage.trial_fs_path}/{RESCUE_FILE}"
        return RescueFile(filesystem=self._storage.storage_filesystem, path=path)

    def _beginning(self) -> dict[str, Any]:
        return {name: self.config[name] for name in _TO_DO} | self._run.beginning

    def _rescue(self) -> str:
        """Save the interval that is under way; returns what has become of it, for people."""
        file, state = self._rescue_file, self._run.interval_state()
        if file is None or state is None:
            return "it was between two intervals"
        try:
            file.write(state, self._beginning())
        except Exception as error:
            return f"step {self._run.step} could not be saved: {error}"
        return f"step {self._run.step} is saved"

    def _take_up_rescue(self) -> None:
        """Go on in the midst of the interval, where an earlier worker of this trial has saved it."""
        if not self._looks_for_rescue or (file := self._rescue_file) is None:
            return
        self._looks_for_rescue = False
        state = file.read(self._beginning())
        if state is None:
            file.remove()
            return
        self._run.load_interval_state(state)
        self._was_rescued = True

    def _gives_up(self, is_last: bool) -> bool:
        """Whether a member that diverged ends: there is nothing left to walk, or it has been re-seeded too often."""
        return is_last or self._assignment.num_reseeds >= self._resources.max_failures

    def _decode_test(self, test: LastTest) -> tuple[dict[str, Any], CorpusStatistics | None]:
        """Columns of the table `tests` for the weights that the trial ends with, and what each sentence adds."""
        started, task, settings = time.perf_counter(), self._parts[0], test.model_dump()
        scores = evaluate(self._run.model, task, task.test, **settings)
        names = ("bleu", "rouge1", "rouge2", "rougel", "score", "signature")
        columns = settings | {name: getattr(scores, name) for name in names}
        columns |= {"num_sentences": len(task.test), "nll_nats": scores.validation_nll_nats}
        return columns | {"decoding_s": time.perf_counter() - started}, scores.statistics

    @property
    def _trace(self) -> Path | None:
        """Where a worker that hangs leaves its stacks, on its machine; None where Tune gave the trial no folder."""
        return Path(self._storage.trial_working_directory) / HUNG if self._storage is not None else None

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write the run's state.

        Tune keeps the last result beside each checkpoint, and in its snapshots; the sentences' statistics, which are in
        the store by then, would make those many times as large.
        """
        if self._last_result is not None:
            self._last_result = {name: value for name, value in self._last_result.items() if name != "sentences"}
        self._check_room()  # torch's own message does not say that a disk is full
        save_checkpoint(self._run.state(), Path(checkpoint_dir))
        if self._was_rescued and (file := self._rescue_file) is not None:
            file.remove()
            self._was_rescued = False

    def restore(self, checkpoint_path: Any) -> None:
        """As Tune's, out of a folder of this worker's own.

        Members that clone the same weights at a time get copies of one `Checkpoint`, and all its copies on a machine
        are downloaded into the same folder, by a late one over what an earlier one is reading (ray-project/ray#48726).
        """
        saved = checkpoint_path.checkpoint
        checkpoint_path.checkpoint = tune.Checkpoint(saved.path, saved.filesystem)
        super().restore(checkpoint_path)

    def load_checkpoint(  # type: ignore[override]  # a folder since save_checkpoint wrote to one
        self, checkpoint_dir: str
    ) -> None:
        """Go on from a state: the trial's own, or the one that the scheduler had it clone."""
        self._run.load_state(load_checkpoint(Path(checkpoint_dir)))
        self._take_knot(self._assignment)
