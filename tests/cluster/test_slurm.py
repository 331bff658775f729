"""`cluster/slurm.sh` on Slurm's own daemons: a controller and two nodes, all on this machine."""

import getpass
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
import yaml

import erpo_explore
from tests.tiny_exploration import TINY

from .conformance import REPOSITORY

pytestmark = [pytest.mark.tools("slurmctld", "slurmd", "munged", "sbatch"), pytest.mark.ray, pytest.mark.slow]

SCRIPT = REPOSITORY / "cluster" / "slurm.sh"
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
AuthInfo=socket={folder}/munge.socket,cred_expire=5
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=2,batch_sched_delay=0,bf_interval=2
KillWait=5
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=1
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=1
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def free_ports(count: int) -> list[int]:
    """Ports of this machine that are free now."""
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in taken]
    for each in taken:
        each.close()
    return ports


def wait_until(condition: Callable[[], bool], what: str, *, limit_s: float = 600) -> None:
    """Wait for what a daemon does."""
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.5)


class Slurm:
    """A cluster of two nodes, used with Slurm's commands from a folder that a job can write to."""

    def __init__(self, configuration: Path, folder: Path) -> None:
        self.folder = folder
        paths = os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH"))))
        self.environment = {
            **os.environ,
            "SLURM_CONF": str(configuration),
            "ERPO_BIN": str(Path(sys.executable).parent),
            "PYTHONPATH": paths,
        }

    def run(self, *command: str) -> str:
        """Output of a command."""
        done = subprocess.run(
            command, env=self.environment, cwd=self.folder, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def job(self, job: str, field: str) -> str:
        """What Slurm shows of a job."""
        found = re.search(rf"\b{field}=(\S+)", self.run("scontrol", "show", "job", job))
        return found[1] if found else ""


@pytest.fixture
def slurm(tmp_path: Path) -> Iterator[Slurm]:
    folder = Path(mkdtemp(prefix="slurm-", dir="/tmp"))  # a socket's path is short
    for name in ("state", "spool-n1", "spool-n2"):
        (folder / name).mkdir()
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o600)
    configuration = folder / "slurm.conf"
    configuration.write_text(
        CONFIGURATION.format(host=socket.gethostname(), folder=folder, user=getpass.getuser(), ports=free_ports(3)),
        encoding="utf-8",
    )
    files = ("socket", "key-file", "pid-file", "seed-file")
    munge = [f"--{name}={folder}/munge.{name.removesuffix('-file')}" for name in files]
    cluster = Slurm(configuration, tmp_path)
    daemons = []
    with (folder / "daemons.log").open("wb") as log:

        def start(*command: str) -> None:
            daemons.append(subprocess.Popen(command, env=cluster.environment, stdout=log, stderr=log))

        start("munged", "--foreground", "--force", *munge)
        wait_until((folder / "munge.socket").exists, "munged has no socket")
        start("slurmctld", "-D")
        start("slurmd", "-D", "-N", "n1")
        start("slurmd", "-D", "-N", "n2")
        try:
            wait_until(lambda: "2 idle" in idle(cluster), "the nodes are not idle")
            yield cluster
        finally:
            subprocess.run(["scancel", "--full", "--user", getpass.getuser()], env=cluster.environment, check=False)
            wait_until(lambda: "2 idle" in idle(cluster), "the jobs have not ended")
            for daemon in reversed(daemons):
                daemon.terminate()
                daemon.wait()
    shutil.rmtree(folder)


def idle(cluster: Slurm) -> str:
    """Nodes per state; empty while the controller does not answer."""
    asked = ["sinfo", "--noheader", "--format=%D %T"]
    return subprocess.run(asked, env=cluster.environment, capture_output=True, text=True, check=False).stdout


def test_a_job_that_is_preempted_saves_returns_to_the_queue_and_resumes(slurm: Slurm) -> None:
    (slurm.folder / "explore.py").symlink_to(REPOSITORY / "explore.py")
    space = {**TINY, "training": {**TINY["training"], "steps": 600, "interval": 100}, "baselines": ["mle"]}
    (slurm.folder / "space.yaml").write_text(yaml.safe_dump(space), encoding="utf-8")
    job = slurm.run("sbatch", "--parsable", "--nodes=2", str(SCRIPT), "space.yaml")
    results = slurm.folder / "results" / f"slurm-{job}"

    def rows() -> int:
        return len(list(results.glob("observations/*.parquet")))

    wait_until(lambda: rows() >= 2, "no reports")
    slurm.run("scancel", "--batch", "--signal=TERM", job)  # what --signal=B:TERM@120 sends
    wait_until(lambda: slurm.job(job, "Restarts") == "1", "the job is not requeued")
    reported = rows()
    wait_until(lambda: slurm.job(job, "JobState") in ("COMPLETED", "FAILED"), "the job does not end")
    assert slurm.job(job, "JobState") == "COMPLETED", (slurm.folder / f"slurm-{job}.log").read_text(encoding="utf-8")
    assert 0 < reported < 24
    observations = erpo_explore.load_results(results)
    assert observations.groupby("trial")["iteration"].apply(list).tolist() == [list(range(1, 7))] * 4
