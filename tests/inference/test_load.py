"""Loading a model from a results folder: which weights, which vocabulary, and what is refused."""

import json
import shutil
from pathlib import Path

import pytest
import torch

import erpo_explore as erpo
from erpo_explore.errors import ConfigError, ResultsError
from erpo_explore.inference.weights import choose_weights, load_weights
from erpo_explore.store import best_row
from erpo_explore.tasks import load_task
from erpo_explore.trial.checkpoint import load_checkpoint

from .folders import trained


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("results") / "tiny", trials=2, intervals=3, steps=30)


@pytest.fixture
def copy(results: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(results, tmp_path / "copy"))


def checkpoint(results: Path, trial: str, iteration: int) -> dict[str, torch.Tensor]:
    return load_checkpoint(results / f"checkpoints/{trial}/checkpoint_{iteration:06d}")["model"]


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


class TestWhichWeights:
    def test_the_best_trials_best_weights_are_the_default(self, results: Path) -> None:
        best = best_row(erpo.load_results(results))
        model = erpo.load_model(results, device="cpu")
        assert equal(model.seq2seq.state_dict(), checkpoint(results, best["trial"], best["iteration"]))
        assert (model.facts["trial"], model.facts["step"]) == (best["trial"], best["step"])

    def test_a_named_trial_gives_its_own_best_weights(self, results: Path) -> None:
        frame = erpo.load_results(results)
        for trial in ("mle-s1", "mle-s2"):
            best = best_row(frame[frame["trial"] == trial])
            model = erpo.load_model(results, trial=trial, device="cpu")
            assert equal(model.seq2seq.state_dict(), checkpoint(results, trial, best["iteration"]))

    def test_last_takes_the_last_weights(self, results: Path) -> None:
        model = erpo.load_model(results, trial="mle-s2", last=True, device="cpu")
        assert equal(model.seq2seq.state_dict(), checkpoint(results, "mle-s2", 3))

    def test_average_is_the_mean_of_the_last_checkpoints(self, results: Path) -> None:
        model = erpo.load_model(results, trial="mle-s1", average=2, device="cpu")
        states = [checkpoint(results, "mle-s1", iteration) for iteration in (2, 3)]
        for name, tensor in model.seq2seq.state_dict().items():
            torch.testing.assert_close(tensor, torch.stack([state[name] for state in states]).mean(0))

    def test_fewer_checkpoints_than_asked_for_are_said(self, results: Path) -> None:
        chosen = choose_weights(results, trial="mle-s1", average=7)
        assert len(chosen.checkpoints) == 3
        assert "mle-s1 has kept 3 of the 7 checkpoints to average" in chosen.remark

    def test_a_deleted_best_checkpoint_is_said_and_the_next_best_taken(self, copy: Path) -> None:
        frame = erpo.load_results(copy)
        best = best_row(frame[frame["trial"] == "mle-s1"])
        shutil.rmtree(copy / best["checkpoint"])
        chosen = choose_weights(copy, trial="mle-s1")
        assert f"the best weights of mle-s1, of step {best['step']}, are not kept" in chosen.remark

    def test_no_checkpoint_left_is_an_error(self, copy: Path) -> None:
        shutil.rmtree(copy / "checkpoints/mle-s1")
        with pytest.raises(ResultsError, match=r"trial mle-s1 of .* has no checkpoint left; name another one"):
            choose_weights(copy, trial="mle-s1")

    def test_an_unknown_trial_is_named_with_those_there_are(self, results: Path) -> None:
        with pytest.raises(ConfigError, match="has no trial mle-s3; it has mle-s1, mle-s2; did you mean"):
            erpo.load_model(results, trial="mle-s3")


class TestVocabulary:
    def test_it_needs_no_data(self, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("erpo_explore.inference.load.load_task", lambda _: pytest.fail("read the data"))
        assert erpo.load_model(copy, device="cpu").translate(["a"])

    def test_an_older_folder_learns_it_again_from_its_data(self, copy: Path, caplog: pytest.LogCaptureFixture) -> None:
        expected = erpo.load_model(copy, device="cpu")
        (copy / "vocabulary.json").unlink()
        sources = load_task(expected.task).test.sources
        model = erpo.load_model(copy, device="cpu")
        assert model.translate(sources) == expected.translate(sources)
        assert "the vocabulary was learned again from its data" in caplog.text

    def test_that_of_another_exploration_is_refused(self, copy: Path, tmp_path: Path) -> None:
        toy = {"name": "toy", "train_pairs": 50, "validation_pairs": 5, "test_pairs": 0, "seed": 9}
        other = trained(tmp_path / "other", task=toy, steps=2)
        shutil.copy(other / "vocabulary.json", copy / "vocabulary.json")
        with pytest.raises(ResultsError, match="belongs to the vocabulary"):
            erpo.load_model(copy)

    def test_weights_that_name_another_vocabulary_are_refused(self, results: Path) -> None:
        chosen = choose_weights(results, trial="mle-s1")
        with pytest.raises(ResultsError, match=r"^checkpoint .*: belongs to the vocabulary"):
            load_weights(chosen, "0" * 64)


class TestRefused:
    def test_a_folder_without_a_model(self, tmp_path: Path) -> None:
        with pytest.raises(ResultsError, match="holds no exploration"):
            erpo.load_model(tmp_path)

    def test_an_unknown_device(self, results: Path) -> None:
        with pytest.raises(ConfigError, match="device must be cpu or cuda, got 'tpu'"):
            erpo.load_model(results, device="tpu")

    def test_weights_of_another_size(self, copy: Path) -> None:
        best = best_row(erpo.load_results(copy))
        file = copy / best["checkpoint"] / "state.pt"
        state = torch.load(file, weights_only=True)
        state["model"] = {name: tensor[:1] for name, tensor in state["model"].items()}
        torch.save(state, file)
        with pytest.raises(ResultsError, match="its weights do not fit the model of its experiment"):
            erpo.load_model(copy)

    def test_another_users_model_function(self, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import yaml

        written = yaml.safe_load((copy / "exploration.yaml").read_text())
        written["space"]["model"] = {"kind": "custom", "function": "evil:build"}
        (copy / "exploration.yaml").write_text(json.dumps(written))
        copy.chmod(0o777)
        with pytest.raises(ResultsError, match=r"using .* runs a function that it names \(evil:build\)"):
            erpo.load_model(copy)
