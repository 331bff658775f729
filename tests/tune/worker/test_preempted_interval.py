import pickle

import pytest
import torch
from pyarrow import fs

from erpo_explore.tune.worker.preempted_interval import PreemptedIntervalFile
from tests.trial.tiny import same

START = {"step": 4, "elapsed_s": 1.25, "next_knot": None}
STATE = {"run": {"model": {"bias": torch.arange(3.0)}, "step": 5}, "interval": {"loss": 0.5, "seen": {"x": [1.0]}}}


@pytest.fixture
def file(tmp_path):
    return PreemptedIntervalFile(filesystem=fs.LocalFileSystem(), path=str(tmp_path / "preempted_interval.pt"))


def test_what_was_written_is_read(file):
    file.write(STATE, START)
    assert same(file.read(START), STATE)


@pytest.mark.parametrize("change", [{"step": 2}, {"elapsed_s": 1.2500000000000002}, {"next_knot": {"alpha": 0.0}}])
def test_an_interval_with_another_start_is_not_read(file, change):
    file.write(STATE, START)
    assert file.read(START | change) is None


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_ignored(file, share, tmp_path):
    file.write(STATE, START)
    content = (tmp_path / "preempted_interval.pt").read_bytes()
    (tmp_path / "preempted_interval.pt").write_bytes(content[: int(share * len(content))])
    assert file.read(START) is None


class Hostile:
    def __init__(self, touched):
        self.touched = touched

    def __reduce__(self):
        return (type(self.touched).touch, (self.touched,))


@pytest.mark.parametrize("save", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))])
def test_a_hostile_file_is_ignored_and_not_executed(file, save, tmp_path):
    save({"start": Hostile(tmp_path / "touched"), "state": {}}, tmp_path / "preempted_interval.pt")
    assert file.read(START) is None
    assert not (tmp_path / "touched").exists()


def test_it_can_be_removed_twice(file):
    assert file.read(START) is None
    file.write(STATE, START)
    file.remove()
    file.remove()
    assert not file.exists()
