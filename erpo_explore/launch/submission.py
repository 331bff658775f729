"""Steps of a submission: start the cluster, copy files there, start the job, stop it, fetch its results."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from erpo_explore.errors import ConfigError, ResultsError, RunError
from erpo_explore.launch.head_job import STATUS, HeadJob
from erpo_explore.launch.local_copy import check_same_exploration
from erpo_explore.launch.ray_launcher import RayLauncher, failure_reason

__all__ = ["Submission", "detach_advice", "fetch", "stop", "submit"]

_PROGRAM: Final = "erpo-explore"
"""Command of the package, which the cluster file installs on every machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """An exploration to run on a cluster.

    Attributes:
        job: Job on the head.
        results: Results folder relative to the home directory of the head, or a URI.
        local: Local folder that the results are copied to.
        is_new: Whether the results folder is new, so that `local` must not exist.
        arguments: Arguments of the command, with paths on the head.
        uploads: Local files and folders, each with its path relative to the home directory of the head.
    """

    job: HeadJob
    results: str
    local: Path
    is_new: bool
    arguments: tuple[str, ...]
    uploads: tuple[tuple[Path, str], ...]

    def __post_init__(self) -> None:
        """Raise ResultsError or ConfigError before a machine is started."""
        if self.is_new and self.local.exists():
            raise ResultsError(
                f"{self.local} exists here, and results would be fetched into it; name another folder with "
                "--into DIR, or another exploration with --results results/NAME"
            )
        for local, _ in self.uploads:
            if not local.exists():
                raise ConfigError(f"{local} does not exist; name a file or folder on this machine")


def submit(ray: RayLauncher, submission: Submission, *, note: Callable[[str], None]) -> None:
    """Start the cluster if necessary, copy files there, and start the job.

    Raises:
        RunError: The cluster cannot be reached, or the same exploration runs there already.
    """
    ensure_up(ray, note)
    for local, remote in submission.uploads:
        note(f"copying {local} to the head")
        upload(ray, local, remote)
    start(ray, submission)
    note(f"{submission.job.name} runs; Ctrl-C leaves it running")


def ensure_up(ray: RayLauncher, note: Callable[[str], None]) -> None:
    """Start the cluster unless it runs.

    `ray up` would restart Ray and end the work of others, so Ray's status on the head is checked first.

    Raises:
        RunError: The start failed, or ssh does not reach an existing head.
    """
    if ray.head_exists():
        status = _status(ray, f"ray status > /dev/null 2>&1 && echo '{STATUS}up' || echo '{STATUS}down'", "be reached")
        if status == "up":
            note("the cluster is running")
            return
    note(f"starting the cluster: ray up {ray.cluster_file}")
    ray.up()


def upload(ray: RayLauncher, local: Path, remote: str) -> None:
    """Copy a file or folder to the head, to a path relative to its home directory.

    Raises:
        RunError: The copy failed.
    """
    folder = remote if local.is_dir() else str(Path(remote).parent)
    if _status(ray, f"mkdir -p ~/'{folder}' && echo '{STATUS}made'", "be reached") != "made":
        raise RunError(f"~/{folder} cannot be created on the head; is its disk full?")
    slash = "/" if local.is_dir() else ""
    ray.rsync_up(f"{local}{slash}", f"~/{remote}{slash}")


def start(ray: RayLauncher, submission: Submission) -> None:
    """Start the job on the head.

    Raises:
        RunError: The job runs already, its results exist, or it could not be started.
    """
    job = submission.job
    command = job.start([_PROGRAM, *submission.arguments], submission.results, is_new=submission.is_new)
    status = _status(ray, command, "start the exploration")
    if status == "exists":
        program = f"erpo-explore submit --cluster {ray.cluster_file}"
        raise RunError(
            f"{submission.results} exists on the cluster; fetch it with `{program} --follow {job.name}`, continue "
            f"it with `{program} resume {submission.results}`, or name another --results"
        )
    if status == "running":
        raise RunError(
            f"{job.name} already runs on the cluster; follow it with "
            f"`erpo-explore submit --cluster {ray.cluster_file} --follow {job.name}`, or name another --results"
        )
    if status != "started":
        raise RunError(f"the exploration could not be started on the head ({status}); is its disk full?")


def stop(ray: RayLauncher, job: HeadJob) -> str:
    """Interrupt a job as Ctrl-C would.

    Returns:
        A message for the user.

    Raises:
        RunError: The job does not exist, or the head cannot be reached.
    """
    status = _status(ray, job.stop(), "stop the exploration")
    program = f"erpo-explore submit --cluster {ray.cluster_file}"
    if status == "over":
        return f"{job.name} had already ended; `{program} --follow {job.name}` shows its log and fetches its results"
    if status == "stopping":
        return f"{job.name} saves and stops; `{program} resume results/{job.name}` continues it"
    raise job.unknown_error(ray.cluster_file)


def detach_advice(ray: RayLauncher, job: HeadJob, local: Path) -> tuple[str, ...]:
    """Commands for an exploration that is no longer followed, as lines for the user."""
    program = f"erpo-explore submit --cluster {ray.cluster_file}"
    return (
        f"no longer followed; the exploration {job.name} still runs on the cluster",
        f"  follow it again and fetch the results at the end: {program} --follow {job.name}",
        f"  fetch the results so far: ray rsync-down {ray.cluster_file} '~/results/{job.name}/' {local}/",
        f"  stop it, so that it can be resumed: {program} --stop {job.name}",
        f"  end the cluster and its costs: ray down {ray.cluster_file}",
    )


def fetch(ray: RayLauncher, remote: str, local: Path) -> None:
    """Copy a results folder from the head; an earlier copy is updated.

    Args:
        ray: Launcher of the cluster.
        remote: Results folder, relative to the home directory of the head or absolute.
        local: Local folder.

    Raises:
        RunError: The results folder is missing or cannot be copied.
        ResultsError: `local` holds other files.
    """
    source = remote if remote.startswith("/") else f"~/{remote}"
    with tempfile.TemporaryDirectory() as aside:
        ray.rsync_down(f"{source}/exploration.yaml", f"{aside}/exploration.yaml")
        check_same_exploration(local, Path(aside) / "exploration.yaml")
    local.mkdir(parents=True, exist_ok=True)
    ray.rsync_down(f"{source}/", f"{local}/")


def _status(ray: RayLauncher, command: str, action: str) -> str:
    """Run a short command on the head and return its last status.

    Args:
        ray: Launcher of the cluster.
        command: Command that prints a status.
        action: Purpose of the command, as in "could not {action}", for the error.

    Raises:
        RunError: There was no status, so ssh or bash failed.
    """
    lines = ray.output(command)
    statuses = [line.removeprefix(STATUS) for line in lines if line.startswith(STATUS)]
    if not statuses:
        raise RunError(
            f"the head could not {action} over ssh ({failure_reason(lines)}); try `ray exec {ray.cluster_file} uptime`"
        )
    return statuses[-1]
