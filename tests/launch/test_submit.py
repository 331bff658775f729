"""`submit` from command line to exit code. The head is a folder, and the job is a real process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from erpo_explore.errors import ResultsError, RunError
from erpo_explore.launch import HeadJob, fetch, follow
from tests.cli.test_main import _call as call
from tests.tiny_exploration import TINY

from .conftest import FakeCluster

pytestmark = pytest.mark.tools("flock", "rsync", "sed", "setsid", "ssh")

PYTHON = sys.executable
"""Saved before the fake cluster changes it."""


@pytest.fixture
def space(cluster: FakeCluster) -> str:
    (cluster.file.parent / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    return "tiny.yaml"


@pytest.fixture
def submit(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Exit code of `explore.py submit --cluster FILE ARGS`."""
    return lambda *args: call(monkeypatch, "submit", "--cluster", cluster.file.name, *args)


@pytest.fixture
def running(cluster: FakeCluster, space: str, submit: Callable[..., int]) -> FakeCluster:
    """A cluster whose job `tiny` waits for the file `go`, without a follower."""
    cluster.set("waits")
    job = HeadJob("tiny")
    assert [line for line in cluster.ray.output(start_command(job)) if line.startswith("erpo=")] == ["erpo= started"]
    wait_until(lambda: (cluster.head / job.folder / "log").read_text() != "")
    return cluster


def wait_until(holds: Callable[[], bool]) -> None:
    """Return as soon as the condition is true."""
    while not holds():
        time.sleep(0.05)


def quiet(line: str) -> None:
    """Show nothing."""


def start_command(job: HeadJob) -> str:
    return job.start(["erpo-explore", "run", "--results", "results/tiny"], "results/tiny", is_new=True)


def test_submit_starts_the_cluster_explores_and_fetches(
    cluster: FakeCluster, space: str, submit: Callable[..., int], capfd: pytest.CaptureFixture[str]
) -> None:
    assert submit(space, "--set", "training.steps=6", "--seed", "3") == 0
    settings = ["--seed", "3", "--set", "training.steps=6"]
    assert cluster.arguments() == [
        "run",
        "--results",
        "results/tiny",
        *settings,
        "--",
        "erpo-jobs/tiny/experiment.yaml",
    ]
    assert "up" in cluster.calls()
    assert (cluster.head / "erpo-jobs/tiny/experiment.yaml").read_text() == Path(space).read_text()
    assert (cluster.file.parent / "results/tiny/exploration.yaml").exists()
    shown = capfd.readouterr().out
    assert [shown.count(line) for line in ("starts 100 % [of it]\n", "mle step 1\n", "mle step 3\n")] == [1, 1, 1]
    assert "erpo>" not in shown


def test_a_cluster_that_is_up_is_not_restarted(cluster: FakeCluster, space: str, submit: Callable[..., int]) -> None:
    cluster.set("is_up")
    assert submit("run", space) == 0
    assert "up" not in cluster.calls()


def test_a_head_without_ray_is_started(cluster: FakeCluster, space: str, submit: Callable[..., int]) -> None:
    cluster.set("is_up")
    (cluster.head / "bin" / "ray").write_text("#!/bin/sh\nexit 1\n")
    assert submit(space) == 0
    assert "up" in cluster.calls()


def test_an_unreachable_head_is_not_restarted(
    cluster: FakeCluster, space: str, submit: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.set("is_up")
    cluster.set("unreachable")
    assert submit(space) == 2
    message = capsys.readouterr().err
    assert "timed out" in message
    assert "ray exec cluster.yaml uptime" in message
    assert "up" not in cluster.calls()


def test_a_cluster_that_does_not_start_is_an_error(
    cluster: FakeCluster, space: str, submit: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.set("broken")
    assert submit(space) == 2
    assert "ray down cluster.yaml" in capsys.readouterr().err


def test_data_are_uploaded(cluster: FakeCluster, space: str, submit: Callable[..., int]) -> None:
    data = cluster.file.parent / "texts"
    data.mkdir()
    (data / "train.de").write_text("eins\n")
    assert submit(space, "--data", "texts", "--source", "de", "--target", "en", "--metric", "bleu") == 0
    assert (cluster.head / "erpo-jobs/tiny/data/train.de").read_text() == "eins\n"
    arguments = cluster.arguments()
    assert arguments[arguments.index("--data") + 1] == "erpo-jobs/tiny/data"


@pytest.mark.parametrize("code", [1, 130])
def test_the_exit_code_is_that_of_explore_py_and_results_are_fetched(
    cluster: FakeCluster, space: str, submit: Callable[..., int], code: int
) -> None:
    cluster.set("code", str(code))
    assert submit(space) == code
    assert (cluster.file.parent / "results/tiny/exploration.yaml").exists()


def test_after_a_usage_error_nothing_is_fetched(cluster: FakeCluster, space: str, submit: Callable[..., int]) -> None:
    cluster.set("code", "2")
    assert submit(space) == 2
    assert "rsync-down" not in cluster.calls()


def test_results_at_a_uri_are_not_fetched(
    cluster: FakeCluster, space: str, submit: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert submit(space, "--results", "s3://bucket/tiny") == 0
    assert "results are at s3://bucket/tiny" in capsys.readouterr().out
    assert "rsync-down" not in cluster.calls()


def test_resume_fetches_into_the_same_folder(cluster: FakeCluster, space: str, submit: Callable[..., int]) -> None:
    assert submit(space) == 0
    assert submit("resume", "results/tiny") == 0
    assert cluster.arguments() == ["resume", "--", "results/tiny"]


def test_replay_names_its_results(cluster: FakeCluster, submit: Callable[..., int]) -> None:
    assert submit("replay", "results/tiny", "--seeds", "5") == 0
    arguments = cluster.arguments()
    assert arguments[arguments.index("--results") + 1] == "results/tiny-replay"
    assert arguments[-1] == "results/tiny"


def test_the_data_of_a_replay_are_uploaded(cluster: FakeCluster, submit: Callable[..., int]) -> None:
    (cluster.file.parent / "texts").mkdir()
    assert submit("replay", "results/tiny", "--data", "texts") == 0
    arguments = cluster.arguments()
    assert arguments[arguments.index("--data") + 1] == "erpo-jobs/tiny-replay/data"


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["report", "results/tiny"], "submit runs run, resume, replay, got report"),
        (["no_such_space"], "experiment 'no_such_space' does not exist"),
        (["tiny.yaml", "--set", "training.stepz=3"], "training.stepz: is unknown"),
        (["tiny.yaml", "--data", "nowhere"], "nowhere does not exist"),
        (["resume", "results/tiny", "--data", "x"], "--data goes with an experiment"),
        (["tiny.yaml", "--results", "results/a b"], "must consist of letters"),
        (["tiny.yaml", "--no-such-option"], "no-such-option"),
        (["tiny.yaml", "--follow", "tiny"], "go with --cluster and --into alone"),
    ],
)
def test_a_usage_error_calls_no_launcher(
    cluster: FakeCluster,
    space: str,
    submit: Callable[..., int],
    args: list[str],
    expected: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert submit(*args) == 2
    assert expected in capsys.readouterr().err
    assert cluster.calls() == []


def test_a_local_folder_is_not_mixed_with_new_results(
    cluster: FakeCluster, space: str, submit: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("results/tiny").mkdir(parents=True)
    assert submit(space) == 2
    assert "--into" in capsys.readouterr().err
    assert cluster.calls() == []


def test_existing_results_on_the_cluster_are_not_overwritten(
    cluster: FakeCluster, space: str, submit: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert submit(space) == 0
    assert submit(space, "--into", "elsewhere") == 2
    assert "results/tiny exists on the cluster" in capsys.readouterr().err
    assert submit("--follow", "tiny", "--into", "elsewhere") == 0
    assert Path("elsewhere/exploration.yaml").exists()


def test_a_fetch_does_not_overwrite_another_exploration(cluster: FakeCluster, tmp_path: Path) -> None:
    (cluster.head / "results/tiny").mkdir(parents=True)
    manifest = (cluster.root / "exploration.yaml").read_text()
    (cluster.head / "results/tiny/exploration.yaml").write_text(manifest)
    local = tmp_path / "local"
    local.mkdir()
    (local / "exploration.yaml").write_text(manifest.replace("2026", "2025"))
    with pytest.raises(ResultsError, match="nothing is overwritten"):
        fetch(cluster.ray, "results/tiny", local)
    (local / "exploration.yaml").write_text(manifest)
    fetch(cluster.ray, "results/tiny", local)


def test_a_running_exploration_is_not_started_twice(
    running: FakeCluster, submit: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert submit("tiny.yaml") == 2
    assert "--follow tiny" in capsys.readouterr().err
    running.set("go")


def test_a_lost_connection_loses_no_line(running: FakeCluster) -> None:
    running.set("cut", "2")
    shown: list[str] = []
    waits: list[float] = []
    running.set("go")
    ending = follow(running.ray, HeadJob("tiny"), shown.append, note=quiet, sleep=waits.append)
    assert ending == (0, "results/tiny")
    assert shown == ["starts 100 % [of it]", "mle step 1", "mle step 2", "mle step 3"]
    assert waits == [5.0]


def test_an_unreachable_head_is_an_error_with_the_next_command(running: FakeCluster) -> None:
    running.set("unreachable")
    waits: list[float] = []
    with pytest.raises(RunError, match="--follow tiny"):
        follow(running.ray, HeadJob("tiny"), quiet, note=quiet, sleep=waits.append)
    assert (waits[0], waits[-1]) == (5.0, 60.0)
    running.set("go")


FOLLOWER = """
import sys
sys.executable, *sys.argv = sys.argv[1:]
from erpo_explore.cli.main import main
main()
"""


def test_ctrl_c_leaves_the_exploration_running(running: FakeCluster, submit: Callable[..., int]) -> None:
    # in a separate process: after an import of polars (by other tests), Ctrl-C interrupts no read
    command = [PYTHON, "-c", FOLLOWER, sys.executable, "explore.py", "submit", "--cluster", running.file.name]
    follower = subprocess.Popen([*command, "--follow", "tiny"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    wait_until(lambda: "tail" in (running.root / "calls").read_text())
    follower.send_signal(signal.SIGINT)
    output, _ = follower.communicate()
    assert follower.returncode == 130, output.decode()
    assert all(hint in output.decode() for hint in ("--follow tiny", "--stop tiny", "rsync-down", "ray down"))
    running.set("go")
    assert submit("--follow", "tiny") == 0
    assert Path("results/tiny/exploration.yaml").exists()


def test_stop_interrupts_the_job_and_ends_the_following(
    running: FakeCluster, submit: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert submit("--stop", "tiny") == 0
    assert "resume results/tiny" in capsys.readouterr().out
    code, _ = follow(running.ray, HeadJob("tiny"), quiet, note=quiet)
    assert code == 130
    assert submit("--stop", "tiny") == 0
    assert "already ended" in capsys.readouterr().out


def test_a_killed_job_is_not_mistaken_for_a_running_one(running: FakeCluster) -> None:
    process = int((running.head / "erpo-jobs/tiny/pid").read_text())
    os.killpg(process, signal.SIGKILL)
    with pytest.raises(RunError, match=r"was killed on the head.*resume results/tiny"):
        follow(running.ray, HeadJob("tiny"), quiet, note=quiet)
    running.set("go")
    assert running.ray.output(start_command(HeadJob("tiny")))[-1] == "erpo= started"
    assert (running.head / "erpo-jobs/tiny/log.old").read_text() == "starts 100 % [of it]\n"


def test_a_job_outlives_the_connection_that_started_it(running: FakeCluster) -> None:
    running.set("go")
    wait_until((running.head / "erpo-jobs/tiny/exit").exists)
    assert (running.head / "erpo-jobs/tiny/exit").read_text() == "0\n"


def test_an_unknown_job_is_named(cluster: FakeCluster, submit: Callable[..., int]) -> None:
    assert submit("--follow", "nix") == 2
    assert submit("--stop", "nix") == 2
