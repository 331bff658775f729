"""A loaded model against the network that trained: its scores, its evaluation, its draws."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

import erpo_explore as erpo
from erpo_explore.errors import ConfigError
from erpo_explore.inference.model import TrainedModel
from erpo_explore.metrics import load_scorer
from erpo_explore.tasks import load_task
from erpo_explore.trial.evaluation import evaluate

from .folders import MODELS, trained

LINES = 12


@pytest.fixture(scope="module", params=list(MODELS))
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TrainedModel:
    return erpo.load_model(trained(tmp_path_factory.mktemp("results") / "tiny", request.param), device="cpu")


@pytest.fixture
def sources(model: TrainedModel) -> list[str]:
    return list(load_task(model.task).test.sources)


class TestTranslate:
    @pytest.mark.parametrize("beam_width", [1, 4])
    def test_the_scorer_gives_the_translations_the_score_of_an_evaluation(
        self, model: TrainedModel, sources: list[str], beam_width: int
    ) -> None:
        task = load_task(model.task)
        longest = model.max_target_tokens
        evaluated = evaluate(model.seq2seq, task, task.test, beam_width=beam_width, max_tokens=longest)
        translations = model.translate(sources, beam_width=beam_width)
        assert load_scorer("bleu").corpus(translations, task.test.references).value == evaluated.score

    @pytest.mark.parametrize("beam_width", [1, 3])
    def test_the_size_of_a_batch_changes_no_translation(
        self, model: TrainedModel, sources: list[str], beam_width: int
    ) -> None:
        doubled = TrainedModel(
            seq2seq=model.seq2seq.double(),
            vocabularies=model.vocabularies,
            task=model.task,
            config=model.config,
            facts={},
        )
        torch.set_default_dtype(torch.float64)
        try:
            whole = doubled.translate(sources, beam_width=beam_width)
            for batch_tokens in (1, 30):
                assert doubled.translate(sources, beam_width=beam_width, batch_tokens=batch_tokens) == whole
        finally:
            torch.set_default_dtype(torch.float32)
            model.seq2seq.float()

    def test_a_blank_line_stays_in_its_place(self, model: TrainedModel, sources: list[str]) -> None:
        found = model.translate(["", sources[0], " \t"])
        assert (found[0], found[2]) == ("", "")
        assert found[1] == model.translate(sources[:1])[0]

    def test_no_lines_give_no_translations(self, model: TrainedModel) -> None:
        assert model.translate([]) == model.translate([], beam_width=1) == []

    def test_a_long_line_is_its_beginning(self, model: TrainedModel, sources: list[str]) -> None:
        words = (" ".join(sources) + " ").split() * 20
        kept, long = " ".join(words[: model.max_source_tokens]), " ".join(words)
        assert model.translate([long]) == model.translate([kept])
        assert model.cut_lines([sources[0], long, kept]) == [1]


class TestScore:
    def test_hypotheses_have_the_log_likelihood_of_their_text(self, model: TrainedModel, sources: list[str]) -> None:
        for source, hypotheses in zip(sources, model.hypotheses(sources, num_best=4), strict=True):
            complete = [each for each in hypotheses if len(each.text.split()) < model.max_target_tokens - 1]
            scores = model.score([source] * len(complete), [each.text for each in complete])
            assert scores == pytest.approx([each.log_p for each in complete], abs=1e-3)

    def test_n_best_is_sorted_and_begins_with_the_translation(self, model: TrainedModel, sources: list[str]) -> None:
        best = model.translate(sources, beam_width=4)
        for translation, hypotheses in zip(best, model.hypotheses(sources, num_best=4, beam_width=4), strict=True):
            scores = [each.score for each in hypotheses]
            assert scores == sorted(scores, reverse=True)
            assert len({each.text for each in hypotheses}) == len(hypotheses) <= 4
            if len(translation.split()) < model.max_target_tokens:
                assert translation == hypotheses[0].text

    def test_another_number_of_targets_is_refused(self, model: TrainedModel) -> None:
        with pytest.raises(ConfigError, match="score needs one target per source, got 2 sources and 1 targets"):
            model.score(["a", "b"], ["a"])


class TestSample:
    def test_a_draw_depends_on_seed_and_line_alone(self, model: TrainedModel, sources: list[str]) -> None:
        whole = [[each.text for each in draws] for draws in model.sample(sources, num_samples=2, seed=3)]
        alone = model.sample(sources[5:6], num_samples=2, seed=3, first_line=5, batch_tokens=1)
        assert [each.text for each in alone[0]] == whole[5]
        again = [[each.text for each in draws] for draws in model.sample(sources, num_samples=2, seed=4)]
        assert again != whole

    def test_draws_have_the_probabilities_of_the_model(self, model: TrainedModel, sources: list[str]) -> None:
        number = 400
        draws = model.sample(sources[:1], num_samples=number, seed=1, max_tokens=1)[0]
        texts = Counter(each.text for each in draws)
        for text, count in texts.most_common(3):
            probability = np.exp(next(each.log_p for each in draws if each.text == text))
            assert abs(count / number - probability) < 5 * np.sqrt(probability / number) + 0.02

    @pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
    def test_a_temperature_without_meaning_is_refused(self, model: TrainedModel, temperature: float) -> None:
        with pytest.raises(ConfigError, match="temperature must be above 0"):
            model.sample(["a"], temperature=temperature)


@pytest.mark.parametrize("name", ["beam_width", "num_best", "batch_tokens", "max_tokens"])
def test_a_setting_below_one_is_named(model: TrainedModel, name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} must be >= 1, got 0"):
        model.hypotheses(["a"], **{name: 0})


def test_a_model_is_in_evaluation_mode(model: TrainedModel, tmp_path: Path) -> None:
    assert not model.seq2seq.training


def test_one_string_is_no_list_of_lines(model: TrainedModel) -> None:
    for call in (model.translate, model.sample, lambda line: model.score(line, [""] * len(line))):
        with pytest.raises(ConfigError, match="lines must be a list of lines, got the string 'nan puput'; put it"):
            call("nan puput")
