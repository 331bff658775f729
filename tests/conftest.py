"""What every test runs under."""

import logging
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import hypothesis
import pytest
import torch

from tests.checking import check_types
from tests.shared_ray import connect, disconnect
from tests.tools import lacking

# The same examples at every run, so that a change that passes once passes again. No deadline: a shared machine is slow
# now and then, which says nothing about the code. `make test-random` looks at other examples, and at more of them.
hypothesis.settings.register_profile("same", deadline=None, max_examples=60, derandomize=True)
hypothesis.settings.register_profile("random", deadline=None, max_examples=500)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

# for tensors this small a second thread only waits, and sums that are split otherwise differ in their last bit
torch.set_num_threads(1)

# no exploration of a test, or of a process that it starts, joins another Ray of this machine
os.environ["RAY_ADDRESS"] = "local"

# and no other Ray finds those of the tests: Ray writes the address of the last one into this folder
_RAY_FOLDER: Final = Path("/tmp") / f"ray-{uuid4().hex[:8]}"
os.environ["RAY_TMPDIR"] = str(_RAY_FOLDER)

# A shell starts what runs in the background deaf to Ctrl-C, and `nohup` to a closed terminal. So would be the processes
# that the tests send these to.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


_LONGEST: Final = ("test_run.py", "test_tutorial.py", "test_failures.py", "test_object_store.py", "test_slurm.py")
"""Files that take minutes each. A process that began with one of them last would keep the others waiting."""

_IS_FIRST: Final = pytest.StashKey[bool]()
"""Whether a test is the first of those that differ in their parameters alone."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files and those that need a Ray, and find the first test of each function."""
    with_ray = {item.path for item in items if item.get_closest_marker("ray")}
    items.sort(key=lambda item: (item.path.name not in _LONGEST, item.path not in with_ray))
    seen: set[tuple[Path, str]] = set()
    for item in items:
        function = (item.path, item.nodeid.partition("[")[0])
        item.stash[_IS_FIRST] = function not in seen
        seen.add(function)


def pytest_unconfigure() -> None:
    """Remove the logs of the tests' Rays."""
    shutil.rmtree(_RAY_FOLDER, ignore_errors=True)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose programs are missing, before its fixtures run."""
    if lack := lacking(program for mark in item.iter_markers("tools") for program in mark.args):
        pytest.skip(lack)
    # types and shapes are checked once a test function: checks of each parameter double the time of all tests
    check_types(item.stash[_IS_FIRST] or "CHECK_ALL_TYPES" in os.environ)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 512 KiB, to fill up for real; for tests marked `tools("mount", "umount")`."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small disk; run make test as root")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"this machine does not let us mount a tmpfs: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    """Port of an S3-compatible server on this machine, started for the tests that need a bucket."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield server.get_host_and_port()[1]
    server.stop()


@pytest.fixture
def bucket(s3_port: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URI of an empty bucket, which this process and those that it starts are allowed to use."""
    from pyarrow import fs

    settings = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3_port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    name = f"bucket-{uuid4().hex}"
    filesystem, path = fs.FileSystem.from_uri(f"s3://{name}?allow_bucket_creation=true")
    filesystem.create_dir(path)
    return f"s3://{name}"


# imported within: the hook that checks annotated shapes must be there before the package is


@pytest.fixture
def tiny_space() -> Any:
    """Two baselines and three members, four intervals each."""
    from erpo_explore.config.experiment import Experiment
    from tests.tiny_exploration import TINY

    return Experiment.from_dict(TINY)


@pytest.fixture(scope="session")
def shared_ray() -> Iterator[Any]:
    """A Ray with one CPU slot for all tests of this process, once one of them needs it.

    A second slot would be a second worker, and most of what a small exploration costs is that its workers import torch.
    """
    cluster_utils = pytest.importorskip("ray.cluster_utils", reason="needs Ray; pip install 'ray[tune]'")
    running = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    yield running
    disconnect()
    running.shutdown()


@pytest.fixture(scope="module")
def one_slot(shared_ray: Any) -> Iterator[str]:
    """Address of the shared Ray; this process is connected to it, and explorations of its children connect to it."""
    connect(shared_ray.address)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", shared_ray.address)
        yield shared_ray.address
    # ends what the tests of this file have left in it
    disconnect()


@pytest.fixture(scope="module")
def two_slots(shared_ray: Any, one_slot: str) -> Iterator[str]:
    """The shared Ray with a second machine, for trials that run at the same time."""
    second = shared_ray.add_node(num_cpus=1)
    yield one_slot
    shared_ray.remove_node(second)


@pytest.fixture(scope="session")
def exploration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the example exploration; tests only read it."""
    from tests.example_exploration import write_example

    return write_example(tmp_path_factory.mktemp("results") / "toy_space")


@pytest.fixture
def observations(exploration: Path) -> Any:
    """The example exploration's reports."""
    from erpo_explore.store import load_results

    return load_results(exploration)


@pytest.fixture
def lineage(exploration: Path) -> Any:
    """The example exploration's decisions."""
    from erpo_explore.store import load_results

    return load_results(exploration, "lineage")


@pytest.fixture
def as_users_run() -> Iterator[None]:
    """Annotated types are not checked, as in a user's process."""
    from tests.checking import no_type_checks

    with no_type_checks():
        yield
