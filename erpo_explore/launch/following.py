"""Follow the log of a job to its end, over as many ssh connections as necessary."""

import time
from collections.abc import Callable
from typing import Final

from erpo_explore.errors import RunError
from erpo_explore.launch.head_job import LOG, STATUS, HeadJob
from erpo_explore.launch.ray_launcher import RayLauncher, failure_reason

__all__ = ["follow"]

_FIRST_WAIT_S: Final = 5.0
_LONGEST_WAIT_S: Final = 60.0
_MOST_FAILURES: Final = 20
"""Consecutive connections without a line: about 15 minutes, including the waits between them."""


def follow(
    ray: RayLauncher,
    job: HeadJob,
    show: Callable[[str], None],
    *,
    note: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[int, str]:
    """Show each line of the log once, until the job has ended.

    Args:
        ray: Launcher of the cluster.
        job: Job on the head.
        show: Called with each line of the log.
        note: Called with messages about the connection.
        sleep: Called with the seconds to wait before the next connection.

    Returns:
        Exit code of the job, and its results folder or URI.

    Raises:
        RunError: The job does not exist, was killed, or the head stays unreachable.
    """
    num_shown, failures = 0, 0
    while True:
        before = num_shown
        other_lines: list[str] = []
        with ray.lines(job.follow(num_shown + 1)) as lines:
            for line in lines:
                if line.startswith(LOG):
                    num_shown += 1
                    show(line.removeprefix(LOG))
                elif line.startswith(STATUS):
                    return _ending(line.removeprefix(STATUS), job, ray)
                else:
                    other_lines = [*other_lines[-9:], line]
        failures = failures + 1 if num_shown == before else 1
        if failures > _MOST_FAILURES:
            raise RunError(
                f"the head cannot be reached ({failure_reason(other_lines)}); the exploration still runs, "
                f"follow it again with `erpo-explore submit --cluster {ray.cluster_file} --follow {job.name}`"
            )
        wait = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** (failures - 1))
        note(f"the connection to the head was cut ({failure_reason(other_lines)}); next try in {wait:.0f} s")
        sleep(wait)


def _ending(status: str, job: HeadJob, ray: RayLauncher) -> tuple[int, str]:
    match status.split(maxsplit=2):
        case ["ended", code, results] if code.isdecimal():
            return int(code), results
        case ["lost"]:
            raise RunError(
                f"the exploration {job.name} was killed on the head, or its machine went down; "
                f"`erpo-explore submit --cluster {ray.cluster_file} resume results/{job.name}` continues it"
            )
        case _:
            raise job.unknown_error(ray.cluster_file)
