import pickle
from pathlib import Path

import pytest
import torch

from erpo_explore.errors import ResultsError
from erpo_explore.trial.checkpoint import load_checkpoint, save_checkpoint

from .tiny import PATHS, run_of, same


@pytest.fixture(scope="module", params=["plateau", "mixture"])
def state(request):
    """The state of a run that has trained."""
    run = run_of(PATHS[request.param])
    run.advance()
    return run.state()


def test_a_state_comes_back_bit_for_bit(state, tmp_path):
    save_checkpoint(state, tmp_path)
    assert same(load_checkpoint(tmp_path), state)
    assert [file.name for file in tmp_path.iterdir()] == ["state.pt"]


def test_a_second_save_replaces_the_first(state, tmp_path):
    save_checkpoint(state, tmp_path)
    save_checkpoint(state | {"step": 99}, tmp_path)
    assert load_checkpoint(tmp_path)["step"] == 99


def test_a_folder_without_a_state_is_an_error(tmp_path):
    with pytest.raises(ResultsError, match=r"checkpoint .*: has no state\.pt; name a folder that a trial has written"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("size", [0, 3, 1000, -1], ids=["empty", "header", "half", "last byte lost"])
def test_a_truncated_file_is_an_error(state, tmp_path, size):
    save_checkpoint(state, tmp_path)
    file = tmp_path / "state.pt"
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(
        ResultsError,
        match=r"state\.pt: cannot be read as a state of tensors \(.+\); restore it from a copy, or use another trial$",
    ):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("content", [b"PAR1 of another program", b"\x00" * 5000, "naïve text\n".encode()])
def test_a_file_of_another_program_is_an_error(tmp_path, content):
    (tmp_path / "state.pt").write_bytes(content)
    with pytest.raises(ResultsError, match=r"state\.pt: cannot be read as a state of tensors"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("foreign", [{"weights": torch.zeros(3)}, torch.zeros(3), [1, 2], {}], ids=repr)
def test_tensors_of_another_program_are_an_error(tmp_path, foreign):
    torch.save(foreign, tmp_path / "state.pt")
    with pytest.raises(
        ResultsError, match=r"is not a training state; expected anchors, attempt, average, draws_generator"
    ):
        load_checkpoint(tmp_path)


def test_a_state_with_missing_or_extra_parts_is_an_error(state, tmp_path):
    for changed in ({name: part for name, part in state.items() if name != "schedule"}, state | {"more": 1}):
        torch.save(changed, tmp_path / "state.pt")
        with pytest.raises(ResultsError, match="is not a training state"):
            load_checkpoint(tmp_path)


def test_the_parts_of_an_older_checkpoint_get_their_names_of_today(state, tmp_path):
    older = {"walk" if name == "schedule" else name: part for name, part in state.items()}
    torch.save(older, tmp_path / "state.pt")
    assert same(load_checkpoint(tmp_path), state)


class Payload:
    """The content of a crafted file: unpickling it creates another file."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def save_pickle(payload, file):
    file.write_bytes(pickle.dumps(payload, protocol=2))


def trust_torch(file):
    torch.load(file, weights_only=False)


def trust_pickle(file):
    pickle.loads(file.read_bytes())


@pytest.mark.parametrize(("save", "trust"), [(torch.save, trust_torch), (save_pickle, trust_pickle)])
def test_a_crafted_pickle_is_refused_and_not_executed(state, tmp_path, save, trust):
    mark, file = tmp_path / "executed", tmp_path / "state.pt"
    save(state | {"trial": Payload(mark)}, file)
    with pytest.raises(ResultsError, match="cannot be read as a state of tensors"):
        load_checkpoint(tmp_path)
    assert not mark.exists()
    trust(file)
    assert mark.exists()


def test_a_missing_folder_cannot_be_written(state, tmp_path):
    with pytest.raises(ResultsError, match=r"checkpoint .*nowhere: cannot be written \(.+\); free some space"):
        save_checkpoint(state, tmp_path / "nowhere")


@pytest.mark.tools("mount", "umount")
def test_a_full_disk_is_an_error_and_leaves_the_last_state_whole(state, small_disk):
    save_checkpoint(state, small_disk)
    with pytest.raises(ResultsError, match=r"cannot be written \(.+\); free some space, then resume"):
        save_checkpoint(state | {"model": {"weight": torch.zeros(1_000_000)}}, small_disk)
    assert same(load_checkpoint(small_disk), state)
    assert [file.name for file in small_disk.iterdir()] == ["state.pt"]


def test_a_checkpoint_of_an_older_version_has_no_vocabulary(state, tmp_path):
    torch.save({name: part for name, part in state.items() if name != "vocabulary"}, tmp_path / "state.pt")
    assert same(load_checkpoint(tmp_path), state | {"vocabulary": None})


def test_a_state_of_another_vocabulary_is_refused(state):
    with pytest.raises(ResultsError, match="the state of trial tiny: belongs to the vocabulary 0000"):
        run_of(PATHS["mle"]).load_state(state | {"vocabulary": "0" * 64})
