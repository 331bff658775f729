"""Machines of the lab are isolated like real ones, and an impossible lab is refused."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.cluster.lab import PROGRAMS, Lab, LabError
from tests.cluster.lab.ledger import check_complete

from .conformance import REPOSITORY

in_lab = pytest.mark.tools(*PROGRAMS)
FINISHED = pd.DataFrame({"trial": ["a", "b"], "status": ["finished", "finished"]})


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    try:
        with Lab.build("one", "two", installs=False) as built:
            yield built
    except LabError as error:
        pytest.skip(str(error))


def reaches(lab: Lab, name: str, address: str) -> bool:
    """Whether a machine reaches the sshd of another one."""
    knock = f"timeout 2 bash -c '< /dev/tcp/{address}/22' 2> /dev/null && echo yes"
    return lab[name].run(knock, check=False).strip() == "yes"


def sees_its_own_processes_alone(lab: Lab, name: str) -> bool:
    """Whether a machine sees only its sshd and this shell, and no process of the host."""
    running = set(lab[name].run("ps -e -o comm=").split())
    return "sshd" in running and running <= {"bash", "ps", "sshd"}


@in_lab
def test_a_machine_has_its_own_name_home_and_processes(lab: Lab) -> None:
    assert lab["one"].run("hostname; pwd").split() == ["one", "/srv/home"]
    assert sees_its_own_processes_alone(lab, "one")


@in_lab
@pytest.mark.parametrize("folder", ["~", "/tmp", "/dev/shm"])
def test_nothing_that_a_machine_writes_is_seen_by_another(lab: Lab, folder: str) -> None:
    lab["one"].run(f"touch {folder}/mine")
    assert "mine" not in lab["two"].run(f"ls -a {folder}")
    assert not list(Path(folder).expanduser().glob("mine"))


@in_lab
def test_ray_sees_one_processor(lab: Lab) -> None:
    assert lab["one"].run("python -c 'import os; print(os.cpu_count())'").strip() == "1"


@in_lab
def test_ssh_to_a_machine_needs_the_key(lab: Lab) -> None:
    ssh = f"ssh -o BatchMode=yes -o StrictHostKeyChecking=no root@{lab['two'].address} hostname"
    assert lab["laptop"].run(f"{ssh} 2> /dev/null").strip() == "two"
    with pytest.raises(RuntimeError, match="Permission denied"):
        lab["one"].run(ssh)


@in_lab
def test_a_link_is_cut_and_restored(lab: Lab) -> None:
    lab["two"].cut_link()
    assert not reaches(lab, "one", lab["two"].address)
    lab["two"].mend_link()
    assert reaches(lab, "one", lab["two"].address)


@in_lab
def test_a_full_disk_refuses_writes(lab: Lab) -> None:
    lab["two"].fill_disk()
    with pytest.raises(RuntimeError, match="No space left"):
        lab["two"].run("head -c 100000 /dev/zero > /tmp/more")
    lab["two"].empty_disk()
    lab["two"].run("head -c 100000 /dev/zero > /tmp/more")


@in_lab
def test_a_killed_machine_boots_with_its_disk(lab: Lab) -> None:
    lab["two"].run("touch ~/mine")
    lab["two"].kill()
    with pytest.raises(RuntimeError, match="switched off"):
        lab["two"].run("true")
    lab["two"].boot()
    assert lab["two"].run("ls mine").split() == ["mine"]
    assert sees_its_own_processes_alone(lab, "two")


@in_lab
def test_the_cluster_file_differs_in_hosts_user_and_key_alone(lab: Lab) -> None:
    lab.write_cluster_file("one", ("two",))
    written = yaml.safe_load(lab["laptop"].run("cat onprem.yaml"))
    own = yaml.safe_load((REPOSITORY / "cluster" / "onprem.yaml").read_text(encoding="utf-8"))
    edited = {
        "provider": {"type": "local", "head_ip": lab["one"].address, "worker_ips": [lab["two"].address]},
        "auth": {"ssh_user": "root", "ssh_private_key": "~/.ssh/id_ed25519"},
    }
    assert written == own | edited


def test_without_root_the_lab_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="needs root"), Lab.build("one"):
        pass


def test_missing_commands_are_named_by_their_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda command: None if "sshd" in command or command == "rsync" else command)
    with pytest.raises(LabError, match="apt-get install openssh-server rsync"), Lab.build("one"):
        pass


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a", 1), ("a", 2), ("b", 1)], "'b'"),
        ([("a", 1), ("a", 2), ("b", 1), ("b", 2), ("b", 2)], "'b'"),
        ([("a", 1), ("a", 2)], "2 trials"),
    ],
    ids=["a report is missing", "a report is doubled", "a trial is missing"],
)
def test_lost_or_duplicate_rows_are_found(rows: list[tuple[str, int]], message: str) -> None:
    observations = pd.DataFrame(rows, columns=["trial", "iteration"])
    with pytest.raises(AssertionError, match=message):
        check_complete(observations, FINISHED, num_trials=2, num_reports=2)


def test_complete_rows_are_accepted() -> None:
    observations = pd.DataFrame([("a", 2), ("a", 1), ("b", 1), ("b", 2)], columns=["trial", "iteration"])
    check_complete(observations, FINISHED, num_trials=2, num_reports=2)
