"""`resources`: the hardware that a trial holds, and what happens when a trial fails."""

from typing import Annotated

from pydantic import Field

from erpo_explore.config.section import Section

__all__ = ["Resources"]


class Resources(Section):
    """Hardware that one trial holds while it trains, and how failures are handled."""

    cpus_per_trial: Annotated[int, Field(ge=1)] = 1
    """CPU cores per trial, which is also torch's number of threads."""

    gpus_per_trial: Annotated[float, Field(ge=0.0)] | None = None
    """GPUs per trial; a fraction lets trials share a GPU. Default: an equal share of all GPUs, at least 1/4."""

    memory_per_trial_gb: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] | None = None
    """Main memory per trial, in GB (10⁹ bytes). A machine gets only as many trials as fit, and a trial that exceeds the
    limit fails (on Linux). Default: no limit; Ray's memory monitor may then kill a worker of a machine that is nearly
    full."""

    max_failures: Annotated[int, Field(ge=0)] = 2
    """Number of retries of a failed trial, each from its last checkpoint. A trial fails when its worker dies, hangs or
    runs out of memory, or when its loss is not finite. An error of the data, the settings or the code is not retried,
    since it would occur again."""

    timeout_s: Annotated[float, Field(ge=0.0, le=1e6)] = 0.0
    """Time limit of one interval, in seconds; a worker that exceeds it is taken for hung and stopped. 0: no limit for
    the first interval, then 20 times the longest so far, at least 600 s."""

    keep_checkpoints: Annotated[int, Field(ge=1)] = 1
    """Number of last checkpoints per trial that are kept, so that `--average N` finds them."""
