"""Follow a job's log to its end, over as many ssh connections as that takes."""

import time
from collections.abc import Callable
from typing import Final

from erpo_explore.errors import RunError
from erpo_explore.launch.head_job import LOGGED, SAID, HeadJob
from erpo_explore.launch.ray_launcher import RayLauncher, last_words

__all__ = ["follow"]

_FIRST_WAIT_S: Final = 5.0
_LONGEST_WAIT_S: Final = 60.0
_MOST_FAILURES: Final = 20
"""Connections in a row that bring no line: a quarter of an hour with the waits between them."""


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
        ray: How to reach the head.
        job: What runs there.
        show: Takes a line of the log.
        note: Takes what is to be said of the connection.
        sleep: Waits so many seconds.

    Returns:
        The job's exit code, and the results folder or URI that it has filled.

    Raises:
        RunError: There is no such job, it was killed, or the head stays out of reach.
    """
    num_shown, failures = 0, 0
    while True:
        before = num_shown
        heard: list[str] = []
        with ray.lines(job.follow(num_shown + 1)) as lines:
            for line in lines:
                if line.startswith(LOGGED):
                    num_shown += 1
                    show(line.removeprefix(LOGGED))
                elif line.startswith(SAID):
                    return _ending(line.removeprefix(SAID), job, ray)
                else:
                    heard = [*heard[-9:], line]
        failures = failures + 1 if num_shown == before else 1
        if failures > _MOST_FAILURES:
            raise RunError(
                f"the head cannot be reached ({last_words(heard)}); the exploration goes on, follow it again with "
                f"`erpo-explore submit --cluster {ray.cluster_file} --follow {job.name}`"
            )
        wait = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** (failures - 1))
        note(f"the connection to the head was cut ({last_words(heard)}); next try in {wait:.0f} s")
        sleep(wait)


def _ending(said: str, job: HeadJob, ray: RayLauncher) -> tuple[int, str]:
    match said.split(maxsplit=2):
        case ["ended", code, results] if code.isdecimal():
            return int(code), results
        case ["lost"]:
            raise RunError(
                f"the exploration {job.name} was killed on the head, or its machine went down; "
                f"`erpo-explore submit --cluster {ray.cluster_file} resume results/{job.name}` goes on with it"
            )
        case _:
            raise RunError(
                f"the head knows no exploration {job.name}; `ray exec {ray.cluster_file} 'ls erpo-jobs'` lists them"
            )
