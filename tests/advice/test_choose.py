"""What is chosen for which text, and that every choice is an experiment."""

import math
from dataclasses import replace
from typing import Any

import pytest

from erpo_explore.advice.choose import Choice, choose
from erpo_explore.advice.profile import Profile, measure
from erpo_explore.config.experiment import Experiment
from erpo_explore.space.reward import METRICS as REWARDS
from erpo_explore.tasks.corpus import Pair
from tests.advice.corpora import corpus, cyrillic, german, kanji, pieces, raw, spelling, summaries, thai

CORPORA = {
    "german": german(),
    "raw": raw(),
    "cyrillic": cyrillic(),
    "chinese": kanji(),
    "thai": thai(),
    "spelling": spelling(),
    "pieces": pieces(),
    "summaries": summaries(),
    "two words": [("zwei kinder", "two children"), ("drei räder", "three wheels")] * 20,
    "one word": [("kind", "kinder"), ("rad", "räder")] * 20,
    "one pair": [("a", "b")],
}


def _choice(pairs: list[Pair], **options: Any) -> Choice:
    return choose(measure(corpus(pairs)), name="mine", task={"data": "DIR"}, **options)


def _sized(train_pairs: int, **changed: Any) -> Profile:
    return replace(measure(corpus(german(), validation=german(5))), train_pairs=train_pairs, **changed)


def _choice_of(profile: Profile, **options: Any) -> Any:
    return choose(profile, name="mine", task={"data": "DIR"}, **options).written


@pytest.mark.parametrize("name", CORPORA)
def test_every_choice_is_an_experiment_that_its_yaml_gives_again(name: str) -> None:
    experiment = Experiment.from_dict(dict(_choice(CORPORA[name]).written))
    assert Experiment.from_dict(experiment.model_dump(mode="json", exclude_unset=True)) == experiment


@pytest.mark.parametrize("name", CORPORA)
def test_every_line_fits_eighty_columns(name: str) -> None:
    lines = [reason.line() for reason in _choice(CORPORA[name]).reasons]
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 12


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("german", "word"),
        ("cyrillic", "word"),
        ("raw", "bpe"),
        ("chinese", "bpe"),
        ("thai", "bpe"),
        ("spelling", "word"),
        ("pieces", "word"),
    ],
)
def test_the_vocabulary_follows_the_text(name: str, kind: str) -> None:
    assert _choice(CORPORA[name]).written["task"]["vocabulary"]["kind"] == kind


def test_symbols_and_pieces_are_all_kept() -> None:
    for name in ("spelling", "pieces"):
        assert "min_count" not in _choice(CORPORA[name]).written["task"]["vocabulary"]


def test_unknown_words_are_cut_into_pieces() -> None:
    pairs = [(f"wort{index} und mehr davon", f"word{index} and more of it") for index in range(100)]
    assert _choice(pairs).written["task"]["vocabulary"]["kind"] == "bpe"


def test_more_text_gets_more_pieces() -> None:
    small = measure(corpus(raw()))
    large = replace(small, source=replace(small.source, num_words=10**8), target=replace(small.target, num_words=10**8))
    sizes = [_choice_of(profile)["task"]["vocabulary"]["size"] for profile in (small, large)]
    assert sizes == [400, 16000]


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("german", "bleu"),
        ("cyrillic", "bleu"),
        ("chinese", "bleu"),
        ("summaries", "rouge"),
        ("two words", "rouge"),
        ("one word", "edit"),
        ("spelling", "edit"),
    ],
)
def test_the_metric_follows_the_targets(name: str, metric: str) -> None:
    assert _choice(CORPORA[name]).written["task"]["metric"] == metric


def test_targets_named_as_summaries_are_measured_as_such() -> None:
    assert _choice(german(), names_summaries=True).written["task"]["metric"] == "rouge"


def test_a_metric_that_cannot_measure_the_targets_gives_way() -> None:
    assert _choice(summaries(), measures=lambda name: name != "rouge").written["task"]["metric"] == "bleu"
    assert _choice(german(), measures=lambda name: name == "edit").written["task"]["metric"] == "edit"


def test_a_given_metric_is_kept() -> None:
    chosen = choose(measure(corpus(german())), name="mine", task={"data": "DIR", "metric": "rouge"})
    assert chosen.written["task"]["metric"] == "rouge"


def test_a_metric_of_finished_texts_alone_is_searched_by_bleu() -> None:
    chosen = choose(measure(corpus(german())), name="mine", task={"data": "DIR", "metric": "mine:overlap"})
    assert Experiment.from_dict(dict(chosen.written)).search.metric == "bleu"


def test_the_reward_of_the_paths_is_the_metric() -> None:
    for name in CORPORA:
        written = _choice(CORPORA[name]).written
        reward = written["baselines"]["mle_then_grpo"]["knots"][-1]["point"]["reward"]["metric"]
        assert reward == written["task"]["metric"]
        assert reward in REWARDS


@pytest.mark.parametrize("name", ["raw", "spelling"])
def test_raml_changes_as_many_tokens_whatever_the_vocabulary(name: str) -> None:
    written = _choice(CORPORA[name]).written
    temperature = written["baselines"]["raml"]["temperature"]
    num_tokens = {"raw": 400, "spelling": 8}[name]
    assert num_tokens * math.exp(-1.0 / temperature) == pytest.approx(0.07, rel=0.05)


def test_without_validation_files_a_tenth_of_train_is_held_out() -> None:
    assert _choice_of(_sized(200, validation_pairs=0))["task"]["validation_pairs"] == 20
    assert _choice_of(_sized(10**6, validation_pairs=0))["task"]["validation_pairs"] == 1000
    assert "validation_pairs" not in _choice_of(_sized(200))["task"]


def test_a_large_validation_split_is_cut() -> None:
    assert _choice_of(_sized(10**5, validation_pairs=20_000))["training"]["validation_limit"] == 1000


@pytest.mark.parametrize("fewer", [100, 1000, 8000, 29_000, 117_000, 10**6])
def test_more_pairs_get_fewer_epochs_and_more_steps(fewer: int) -> None:
    def steps(pairs: int) -> float:
        training = _choice_of(_sized(pairs))["training"]
        return float(training["epochs"]) * pairs / training["batch_size"]

    few, many = (_choice_of(_sized(pairs))["training"]["epochs"] for pairs in (fewer, 4 * fewer))
    assert few >= many
    assert steps(fewer) < steps(4 * fewer)


def test_tiny_corpora_get_a_small_model_and_small_batches() -> None:
    written = _choice_of(_sized(300))
    assert (written["model"]["hidden_size"], written["training"]["batch_size"]) == (64, 16)


def test_a_short_time_gets_the_smaller_model() -> None:
    sizes = [_choice_of(_sized(10**5), max_hours=hours)["model"]["hidden_size"] for hours in (0.5, 10.0, None)]
    assert sizes == [128, 256, 256]


def test_long_lines_are_not_left_out() -> None:
    side = measure(corpus(german())).source
    written = _choice_of(_sized(1000, source=replace(side, longest_words=180)))
    assert written["task"]["max_source_tokens"] == 180
