"""What is known of a trial's failures: how many, and why the last.

A trial fails when its worker dies, hangs or runs out of memory, or its loss is non-finite. Tune counts those
that end a worker; a loss that is reported as diverged, because the trial may not be tried again or the population has
its member go on from another's checkpoint, is counted by its report, so that a report made twice counts once. A worker
that was told to end, because its machine is taken back, is no failure.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import ray

from erpo_explore import errors
from erpo_explore.tune.worker.preemption_signal import PreemptedError
from erpo_explore.tune.worker.watchdog import HUNG, where_it_hung

__all__ = ["Failures", "is_preempted", "last_failure"]

_WAIT_S: Final = 30.0
"""For an answer of a machine that may be dying."""

_SOME: Final = 0.001
"""Of a machine's own resource, which there is 1 of: to run there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """A trial's failures.

    Attributes:
        num_ended: Those that ended a worker.
        diverged: Iterations that were reported as diverged.
        error: Why it failed last, in a line; None where it never did.
    """

    num_ended: int = 0
    diverged: frozenset[int] = frozenset()
    error: str | None = None

    def with_report(self, iteration: int, status: str, step: int) -> "Failures":
        """After a report of the trial, which replaces an earlier one of the same iteration."""
        others = self.diverged - {iteration}
        if status != "diverged":
            return replace(self, diverged=others)
        return replace(self, diverged=others | {iteration}, error=f"non-finite loss after step {step}")

    def columns(self) -> dict[str, Any]:
        """Of the table `trials`."""
        return {"num_failures": self.num_ended + len(self.diverged), "error": self.error}


def last_failure(trial: Any) -> tuple[str, bool]:
    """Why a trial of Tune's failed last.

    Args:
        trial: Which has just failed.

    Returns:
        The reason in a line, and whether it was a non-finite loss.
    """
    if frame := _where_it_hung(trial):
        return f"its worker hung and was ended: {frame}", False
    # Tune appends what a worker raised, as the text of its traceback, to a file of the driver's
    text = Path(trial.error_file).read_text(encoding="utf-8") if trial.error_file else ""
    line = (text.strip() or "worker lost").splitlines()[-1]
    name, _, message = line.partition(": ")
    module, _, name = name.rpartition(".")
    ours = module == errors.__name__ and name in errors.__all__
    return message if ours else line, ours and name == errors.DivergedError.__name__


def is_preempted(error: str) -> bool:
    """Whether a reason that `last_failure` gave is that a worker was told to end, which Tune does not count."""
    return error.startswith(f"{PreemptedError.__module__}.{PreemptedError.__name__}: ")


def _where_it_hung(trial: Any) -> str | None:
    """The frame in which a trial's worker hung; None where it did not, or its machine is gone."""
    trace = str(Path(trial.storage.trial_working_directory) / HUNG)
    address = f"node:{(trial.last_result or {}).get('node_ip')}"
    if not ray.is_initialized() or address not in ray.cluster_resources():
        return _take_trace(trace)
    try:
        found: str | None = ray.get(
            _take_trace_there.options(resources={address: _SOME}).remote(trace), timeout=_WAIT_S
        )
    except ray.exceptions.RayError:  # its machine has died meanwhile
        return None
    return found


def _take_trace(trace: str) -> str | None:
    frame = where_it_hung(Path(trace))
    if frame is not None:
        Path(trace).unlink()
    return frame


_take_trace_there = ray.remote(num_cpus=0, max_retries=0)(_take_trace)
