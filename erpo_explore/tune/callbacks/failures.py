"""A trial's failures: how many, and the reason of the last one.

A trial fails when its worker dies, hangs or exceeds its memory limit, or its loss is non-finite. Tune counts the
failures that end a worker. A trial reports its divergence instead where it may not be tried again, or where the
population re-seeds it. Such failures are counted per reported iteration, so a report that is made twice counts once.
A preempted worker is no failure.

Training is deterministic, so an error of the data, the settings or the code would occur again: such a trial is not
retried. A lost worker, a full disk, memory, a network and whatever is unknown may be different the next time.
"""

import re
import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from erpo_explore.errors import ConfigError, DataError, DivergedError, ErpoExploreError
from erpo_explore.tune._ray_internals import last_error
from erpo_explore.tune.trial_view import TrialView
from erpo_explore.tune.worker.preemption_signal import PreemptedError
from erpo_explore.tune.worker.watchdog import HUNG, where_it_hung

__all__ = ["Failure", "Failures", "cause_of", "last_failure", "may_retry"]

_WAIT_S: Final = 30.0
"""Time limit for an answer of a machine that may be dying."""

_RECURRING: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ConfigError,
    DataError,
    LookupError,
    NameError,
    NotImplementedError,
    TypeError,
    ValueError,
)
"""Kinds of exceptions that training would raise again. Left out: `ImportError`, since machines may differ."""

_MISFIT: Final = re.compile(
    r"size mismatch|size of tensor|sizes of tensors|shapes? .*(cannot|invalid)|(expected|same|not the) .*d?type", re.I
)

_SHARE: Final = 0.001
"""Share of a node's own resource (`node:IP`, 1 per node) that a task takes to run there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """Failures of a trial so far.

    Attributes:
        num_ended: Number of failures that ended a worker.
        diverged: Iterations that were reported as diverged.
        error: Reason of the last failure in one line; None where there was none.
    """

    num_ended: int = 0
    diverged: frozenset[int] = frozenset()
    error: str | None = None

    def with_report(self, iteration: int, status: str, step: int) -> "Failures":
        """The failures after a report, which replaces an earlier one of the same iteration."""
        others = self.diverged - {iteration}
        if status != "diverged":
            return replace(self, diverged=others)
        return replace(self, diverged=others | {iteration}, error=f"non-finite loss after step {step}")

    def columns(self) -> dict[str, Any]:
        """Number and last reason, as columns of the table `trials`."""
        return {"num_failures": self.num_ended + len(self.diverged), "error": self.error}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failure of a trial's worker.

    Attributes:
        reason: What happened, in one line.
        diverged: Whether the loss was non-finite.
        recurs: Whether the same failure would follow from a retry.
        preempted: Whether the worker was preempted, which Tune does not count.
    """

    reason: str
    diverged: bool = False
    recurs: bool = False
    preempted: bool = False


def last_failure(trial: Any) -> Failure:
    """The last failure of one of Tune's trials, which has just failed."""
    if frame := _where_it_hung(trial):
        return Failure(reason=f"its worker hung and was ended: {frame}")
    error = last_error(trial)
    cause = cause_of(error) if error is not None else None
    return Failure(
        reason=_last_line(trial) if cause is None else _reason(cause),
        diverged=isinstance(cause, DivergedError),
        recurs=cause is not None and _recurs(cause),
        preempted=isinstance(cause, PreemptedError),
    )


def may_retry(trial: Any) -> bool:
    """Whether a retry of one of Tune's trials, which has just failed, may end in another way."""
    error = last_error(trial)
    return error is None or not _recurs(cause_of(error))


def _recurs(cause: BaseException) -> bool:
    """Whether an exception follows from the data, the settings or the code alone."""
    if isinstance(cause, RayError | pa.lib.ArrowException):  # some are ValueError, too
        return False
    if type(cause) is RuntimeError:  # torch has no other class for tensors that do not fit
        return _MISFIT.search(str(cause)) is not None
    return isinstance(cause, _RECURRING)


def cause_of(error: BaseException) -> BaseException:
    """What a worker raised, without what Ray wraps around it; `error` itself where the worker died."""
    if isinstance(error, RayActorError) and error.actor_init_failed and error.args:
        error = error.args[0]  # what its constructor raised
    return error.cause if isinstance(error, RayTaskError) else error


def _reason(cause: BaseException) -> str:
    """An exception in one line; with its class where it is not one of this package's, whose messages need none."""
    if isinstance(cause, ErpoExploreError | PreemptedError):
        return " ".join(str(cause).split())
    if isinstance(cause, RayActorError):
        # the lines before have ids of Ray's
        return f"its worker was lost: {str(cause).strip().splitlines()[-1]}"
    return " ".join("".join(traceback.format_exception_only(cause)).split())


def _last_line(trial: Any) -> str:
    """Last line of what Tune wrote of a failure whose exception it did not keep."""
    text = Path(trial.error_file).read_text(encoding="utf-8", errors="replace") if trial.error_file else ""
    return (text.strip() or "worker lost").splitlines()[-1]


def _where_it_hung(trial: Any) -> str | None:
    """The frame in which a trial's worker hung; None where it did not, or its machine is gone."""
    trace = str(Path(trial.storage.trial_working_directory) / HUNG)
    address = f"node:{TrialView(trial).last_report.get('node_ip')}"
    if not ray.is_initialized() or address not in ray.cluster_resources():
        return _take_trace(trace)
    try:
        found: str | None = ray.get(
            _take_trace_there.options(resources={address: _SHARE}).remote(trace), timeout=_WAIT_S
        )
    except ray.exceptions.RayError:  # its machine has died since
        return None
    return found


def _take_trace(trace: str) -> str | None:
    frame = where_it_hung(Path(trace))
    if frame is not None:
        Path(trace).unlink()
    return frame


_take_trace_there = ray.remote(num_cpus=0, max_retries=0)(_take_trace)
