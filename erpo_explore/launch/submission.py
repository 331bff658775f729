"""The steps of a submission: bring the cluster up, carry files there, start the job, stop it, fetch its results."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from erpo_explore.errors import ConfigError, ResultsError, RunError
from erpo_explore.launch.fetched import check_own
from erpo_explore.launch.head_job import SAID, HeadJob
from erpo_explore.launch.ray_launcher import RayLauncher, last_words

__all__ = ["Submission", "fetch", "left_running", "stopping", "submit"]

_PROGRAM: Final = "erpo-explore"
"""explore.py as the package brings it along, which the cluster file installs on every machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What is to be run on a cluster.

    Attributes:
        job: Its place on the head.
        results: The folder that it fills there, relative to the head's home, or a URI.
        local: Where that is copied to in the end.
        is_new: Whether it begins a results folder, so that `local` must not be there yet.
        words: Arguments of explore.py, with paths as they are on the head.
        carried: Local file or folder, and where it goes, relative to the head's home.
    """

    job: HeadJob
    results: str
    local: Path
    is_new: bool
    words: tuple[str, ...]
    carried: tuple[tuple[Path, str], ...]

    def __post_init__(self) -> None:
        """Raise ResultsError or ConfigError before anything costs anything."""
        if self.is_new and self.local.exists():
            raise ResultsError(
                f"{self.local} exists here, and results would be fetched into it; name another folder with "
                "--into DIR, or another exploration with --results results/NAME"
            )
        for local, _ in self.carried:
            if not local.exists():
                raise ConfigError(f"{local} does not exist; name a file or folder on this machine")


def submit(ray: RayLauncher, submission: Submission, *, note: Callable[[str], None]) -> None:
    """Bring the cluster up if need be, carry files there, and start.

    Raises:
        RunError: The cluster cannot be reached, or the same exploration runs there already.
    """
    bring_up(ray, note)
    for local, remote in submission.carried:
        note(f"carrying {local} to the head")
        carry(ray, local, remote)
    start(ray, submission)
    note(f"{submission.job.name} is being explored; Ctrl-C leaves it running")


def bring_up(ray: RayLauncher, note: Callable[[str], None]) -> None:
    """Leave a cluster that runs alone, and bring any other up.

    `ray up` would restart Ray, and end what others run on it; so it is asked first whether Ray answers there.

    Raises:
        RunError: It does not come up, or there is a head that ssh does not reach.
    """
    if ray.head_exists():
        said = _said(ray, f"ray status > /dev/null 2>&1 && echo '{SAID}up' || echo '{SAID}down'", "be reached")
        if said == "up":
            note("the cluster is up")
            return
    note(f"bringing the cluster up: ray up {ray.cluster_file}")
    ray.up()


def carry(ray: RayLauncher, local: Path, remote: str) -> None:
    """Copy a file or folder to the head, to a path relative to its home.

    Raises:
        RunError: It failed.
    """
    folder = remote if local.is_dir() else str(Path(remote).parent)
    if _said(ray, f"mkdir -p ~/'{folder}' && echo '{SAID}made'", "be reached") != "made":
        raise RunError(f"~/{folder} cannot be made on the head; is its disk full?")
    slash = "/" if local.is_dir() else ""
    ray.rsync_up(f"{local}{slash}", f"~/{remote}{slash}")


def start(ray: RayLauncher, submission: Submission) -> None:
    """Start a job on the head.

    Raises:
        RunError: It runs already, or could not be started.
    """
    job = submission.job
    command = job.start([_PROGRAM, *submission.words], submission.results, is_new=submission.is_new)
    said = _said(ray, command, "start the exploration")
    if said == "exists":
        program = f"erpo-explore submit --cluster {ray.cluster_file}"
        raise RunError(
            f"{submission.results} is there on the cluster; fetch it with `{program} --follow {job.name}`, go on with "
            f"it by `{program} resume {submission.results}`, or name another --results"
        )
    if said == "running":
        raise RunError(
            f"{job.name} is being explored on the cluster; follow it with "
            f"`erpo-explore submit --cluster {ray.cluster_file} --follow {job.name}`, or name another --results"
        )
    if said != "started":
        raise RunError(f"the exploration could not be started on the head ({said}); is its disk full?")


def stopping(ray: RayLauncher, job: HeadJob) -> str:
    """Interrupt a job as Ctrl-C would.

    Returns:
        What to tell the user.

    Raises:
        RunError: There is none, or the head cannot be reached.
    """
    said = _said(ray, job.stop(), "stop the exploration")
    program = f"erpo-explore submit --cluster {ray.cluster_file}"
    if said == "over":
        return f"{job.name} had ended before; `{program} --follow {job.name}` shows how, and fetches its results"
    if said == "stopping":
        return f"{job.name} saves and stops; `{program} resume results/{job.name}` goes on with it"
    raise _no_job(ray, job)


def left_running(ray: RayLauncher, job: HeadJob, local: Path) -> tuple[str, ...]:
    """What a user may do with an exploration that is no longer followed."""
    program = f"erpo-explore submit --cluster {ray.cluster_file}"
    return (
        f"no longer followed; the exploration {job.name} goes on on the cluster",
        f"  follow it again, and fetch it at the end: {program} --follow {job.name}",
        f"  fetch what there is now: ray rsync-down {ray.cluster_file} '~/results/{job.name}/' {local}/",
        f"  stop it, so that it can be resumed: {program} --stop {job.name}",
        f"  end the cluster, and what it costs: ray down {ray.cluster_file}",
    )


def fetch(ray: RayLauncher, remote: str, local: Path) -> None:
    """Copy a results folder from the head, again where it was copied before.

    Args:
        ray: How to reach the head.
        remote: The folder, relative to the head's home or absolute.
        local: Where it goes.

    Raises:
        RunError: There is none there, or it cannot be copied.
        ResultsError: `local` holds something else.
    """
    place = remote if remote.startswith("/") else f"~/{remote}"
    with tempfile.TemporaryDirectory() as aside:
        ray.rsync_down(f"{place}/exploration.yaml", f"{aside}/exploration.yaml")
        check_own(local, Path(aside) / "exploration.yaml")
    local.mkdir(parents=True, exist_ok=True)
    ray.rsync_down(f"{place}/", f"{local}/")


def _no_job(ray: RayLauncher, job: HeadJob) -> RunError:
    return RunError(
        f"the head knows no exploration {job.name}; `ray exec {ray.cluster_file} 'ls erpo-jobs'` lists them"
    )


def _said(ray: RayLauncher, command: str, asked: str) -> str:
    """What a short command answers.

    Raises:
        RunError: It answers nothing, so ssh did not reach the head or bash did not get there.
    """
    lines = ray.output(command)
    answers = [line.removeprefix(SAID) for line in lines if line.startswith(SAID)]
    if not answers:
        raise RunError(
            f"the head could not {asked} over ssh ({last_words(lines)}); try `ray exec {ray.cluster_file} uptime`"
        )
    return answers[-1]
