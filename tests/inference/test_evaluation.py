"""Scores of systems: those of the scorer, with the bootstrap's intervals, and tuned decoders."""

import shutil
from pathlib import Path

import pytest
import yaml

import erpo_explore as erpo
from erpo_explore.errors import ConfigError, DataError, ResultsError
from erpo_explore.inference.evaluation import tune_decoding
from erpo_explore.inference.model import TrainedModel
from erpo_explore.metrics import load_scorer
from erpo_explore.tasks import Split, load_task
from erpo_explore.trial.evaluation import evaluate

from .folders import trained


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("results") / "tiny", trials=2)


@pytest.fixture(scope="module")
def model(results: Path) -> TrainedModel:
    return erpo.load_model(results, device="cpu")


@pytest.fixture(scope="module")
def test_set(model: TrainedModel) -> Split:
    return load_task(model.task).test


def test_a_model_has_the_score_of_its_translations(results: Path, model: TrainedModel, test_set: Split) -> None:
    found = erpo.evaluate(results, beam_width=3, device="cpu", metrics=["bleu", "edit"])
    longest = model.max_tokens_for(test_set.references)
    assert list(found.hypotheses) == model.translate(test_set.sources, beam_width=3, max_tokens=longest)
    for score, metric in zip(found.scores, ("bleu", "edit"), strict=True):
        assert score.value == load_scorer(metric).corpus(found.hypotheses, test_set.references).value
        assert score.low <= score.value <= score.high


@pytest.mark.parametrize("beam_width", [1, 5])
def test_it_is_the_score_that_a_trial_stores(results: Path, model: TrainedModel, beam_width: int) -> None:
    task = load_task(model.task)
    stored = evaluate(model.seq2seq, task, task.test, beam_width=beam_width)
    assert erpo.evaluate(results, beam_width=beam_width, device="cpu").scores[0].value == stored.score


def test_a_file_of_the_same_translations_makes_no_difference(results: Path, tmp_path: Path) -> None:
    found = erpo.evaluate(results, device="cpu")
    file = tmp_path / "hypotheses"
    file.write_text("".join(f"{line}\n" for line in found.hypotheses), encoding="utf-8")
    same = erpo.evaluate(results, device="cpu", against=file).differences[0]
    assert (same.value, same.low, same.high, same.p_value, same.share_better) == (0.0, 0.0, 0.0, 1.0, 0.5)


@pytest.mark.parametrize("metric", ["bleu", "edit"])
def test_the_sign_of_a_difference_is_that_of_the_metric(
    results: Path, tmp_path: Path, metric: str, test_set: Split
) -> None:
    file = tmp_path / "perfect"
    file.write_text("".join(f"{line}\n" for line in test_set.references), encoding="utf-8")
    found = erpo.evaluate(results, device="cpu", against=file, metrics=[metric])
    difference = found.differences[0]
    assert difference.value == found.scores[0].value - found.against[0].value
    assert difference.low <= difference.value <= difference.high
    assert difference.share_better == 0.0


def test_the_other_system_may_be_a_trial(results: Path) -> None:
    found = erpo.evaluate(results, trial="mle-s1", against="mle-s2", device="cpu")
    alone = erpo.evaluate(results, trial="mle-s2", device="cpu")
    assert found.against == alone.scores


def test_files_of_a_folder_are_scored(results: Path, tmp_path: Path, test_set: Split) -> None:
    (tmp_path / "test.src").write_text("".join(f"{line}\n" for line in test_set.sources), encoding="utf-8")
    (tmp_path / "test.ref").write_text("".join(f"{line}\n" for line in test_set.references), encoding="utf-8")
    found = erpo.evaluate(results, data=tmp_path, source="src", target="ref", device="cpu")
    assert found.scores == erpo.evaluate(results, device="cpu").scores
    assert erpo.evaluate(results, data=tmp_path, source="src", device="cpu").scores == found.scores
    with pytest.raises(DataError, match="cannot tell the sources of test from the references"):
        erpo.evaluate(results, data=tmp_path, device="cpu")


def raw_files(folder: Path, test_set: Split) -> Path:
    """A test set whose punctuation is attached, for which 13a would be chosen."""
    (folder / "test.src").write_text("".join(f"{line}\n" for line in test_set.sources), encoding="utf-8")
    raw = [f"{line.replace(' ', ', ')}." for line in test_set.references]
    (folder / "test.ref").write_text("".join(f"{line}\n" for line in raw), encoding="utf-8")
    return folder


@pytest.mark.parametrize("metrics", [(), ("bleu",)])
def test_another_test_set_does_not_change_the_measure(
    results: Path, tmp_path: Path, test_set: Split, metrics: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    given = {"source": "src", "target": "ref", "device": "cpu", "metrics": metrics, "num_resamples": 2}
    with caplog.at_level("INFO"):
        found = erpo.evaluate(results, data=raw_files(tmp_path, test_set), **given)
    assert found.scores[0].signature == erpo.evaluate(results, device="cpu", num_resamples=2).scores[0].signature
    assert "tok:none" in found.scores[0].signature
    assert "decides options" not in caplog.text


def test_without_stored_options_the_test_set_decides_and_a_line_says_so(
    results: Path, tmp_path: Path, test_set: Split, caplog: pytest.LogCaptureFixture
) -> None:
    older = shutil.copytree(results, tmp_path / "older")
    written = yaml.safe_load((older / "exploration.yaml").read_text(encoding="utf-8"))
    assert written["space"]["task"]["metric"]["tokenize"] == "none"
    written["space"]["task"]["metric"] = "bleu"
    (older / "exploration.yaml").write_text(yaml.safe_dump(written), encoding="utf-8")
    given = {"source": "src", "target": "ref", "device": "cpu", "num_resamples": 2}
    with caplog.at_level("INFO"):
        found = erpo.evaluate(older, data=raw_files(tmp_path, test_set), **given)
    assert "tok:13a" in found.scores[0].signature
    assert "this test set decides options of bleu, since the results store none: tokenize 13a" in caplog.text


def test_a_tuned_decoder_is_the_best_of_those_that_were_decoded(model: TrainedModel) -> None:
    split, scorer = load_task(model.task).validation, load_scorer("bleu")
    tried = tune_decoding(model, split.sources, split.references, scorer)
    assert [each.score for each in tried] == sorted((each.score for each in tried), reverse=True)
    for each in tried:
        hypotheses = model.translate(
            split.sources,
            beam_width=each.beam_width,
            length_penalty=each.length_penalty,
            max_tokens=model.max_tokens_for(split.references),
            prepared=True,
        )
        assert scorer.corpus(hypotheses, split.references).value == pytest.approx(each.score)


def test_tuning_decides_the_decoder_of_the_test_set(results: Path) -> None:
    tuned = erpo.evaluate(results, tune=True, device="cpu")
    best = tuned.decoders[0]
    assert (tuned.beam_width, tuned.length_penalty) == (best.beam_width, best.length_penalty)
    fixed = erpo.evaluate(results, beam_width=best.beam_width, length_penalty=best.length_penalty, device="cpu")
    assert tuned.scores == fixed.scores


def test_mistakes_are_named(results: Path, tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.write_text("a\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="short: must have one line per sentence of the test set, 30, got 1"):
        erpo.evaluate(results, against=short, device="cpu")
    with pytest.raises(ConfigError, match="metric bleu is given twice"):
        erpo.evaluate(results, metrics=["bleu", "bleu"], device="cpu")
    with pytest.raises(
        ConfigError, match=r"against nowhere: is neither a file nor a folder, and .* has no trial nowhere"
    ):
        erpo.evaluate(results, against="nowhere", device="cpu")
    with pytest.raises(DataError, match=r"must hold test\.a and test\.b; name another folder, or other suffixes"):
        erpo.evaluate(results, data=tmp_path, source="a", target="b", device="cpu")


def test_a_wrong_file_is_found_before_anything_is_decoded(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "short").write_text("a\n", encoding="utf-8")
    monkeypatch.setattr(TrainedModel, "translate", None)
    with pytest.raises(ConfigError, match="short: must have one line per sentence"):
        erpo.evaluate(results, against=tmp_path / "short", device="cpu")


def test_another_users_metric_function_is_refused(results: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(results, tmp_path / "copy")
    written = yaml.safe_load((copy / "exploration.yaml").read_text(encoding="utf-8"))
    written["space"]["task"]["metric"] = "evil:score"
    (copy / "exploration.yaml").write_text(yaml.safe_dump(written), encoding="utf-8")
    copy.chmod(0o777)
    with pytest.raises(ResultsError, match=r"using .* runs a function that it names \(evil:score\)"):
        erpo.evaluate(copy, device="cpu")
