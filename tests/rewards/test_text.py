"""A reward in other tokens than its scorer's equals what the scorer says of the text, and its increments sum to it."""

import itertools
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from erpo_explore.metrics import load_scorer
from erpo_explore.rewards import BleuReward, FinishedReward, Reference, TextReward, metric_reward, text_scorer
from erpo_explore.tasks.texts import Texts
from tests.examples import fewer

from .oracles import FINISHED, SYMBOLS, WORDS, batch_of, reference_of, summed
from .text_scorers import SCORERS, bleu_of, decode

EOS, UNK = SYMBOLS.eos, SYMBOLS.unk
A, B, STOP, C = WORDS
REFERENCES = ([A, B, STOP], [A, C, B, STOP], [C, C, A], [B], [])
LONGEST = 4
EVERY_TARGET = [list(y) for n in range(LONGEST) for y in itertools.product(WORDS, repeat=n)]


def of_text(name):
    return metric_reward(SCORERS[name].metric, decode, SCORERS[name])


def said_by(scorer, hypothesis, reference):
    """What the scorer says of two texts, as a reward."""
    if scorer.metric != "edit":
        return scorer.sentences([hypothesis], [reference])[0] / 100.0
    numbers = {word: n for n, word in enumerate([*hypothesis.split(), *reference.split()], start=WORDS[0])}
    return FINISHED["edit"](*([numbers[word] for word in text.split()] for text in (hypothesis, reference)))


@pytest.mark.parametrize("name", SCORERS)
class TestFinishedTargets:
    @pytest.mark.parametrize("words", REFERENCES, ids=decode)
    def test_each_has_the_score_of_its_text_and_its_increments_sum_to_it(self, name, words):
        reward = of_text(name)
        reference = reference_of(*[words] * len(EVERY_TARGET))
        batch = batch_of([[*target, EOS] for target in EVERY_TARGET])
        expected = [said_by(SCORERS[name], decode(target), decode(words)) for target in EVERY_TARGET]
        assert reward.score(reference, *batch).tolist() == pytest.approx(expected, abs=2e-6)
        assert summed(reward, reference, *batch).tolist() == pytest.approx(expected, abs=5e-6)

    def test_one_that_is_cut_has_the_potential_of_its_own_tokens(self, name):
        reward, own = of_text(name), metric_reward(SCORERS[name].metric)
        if SCORERS[name].max_ngram_order is not None:
            own = BleuReward(SCORERS[name].max_ngram_order)
        reference, batch = reference_of([A, B, C], [C, STOP]), batch_of([[A, B, A], [C, A]])
        torch.testing.assert_close(reward.score(reference, *batch), own.score(reference, *batch))
        torch.testing.assert_close(summed(reward, reference, *batch), summed(own, reference, *batch))

    def test_only_eos_has_another_increment_than_on_its_own_tokens(self, name):
        reward, own = of_text(name), metric_reward(SCORERS[name].metric)
        if SCORERS[name].max_ngram_order is not None:
            own = BleuReward(SCORERS[name].max_ngram_order)
        reference = reference_of([A, B, C], [C, STOP])
        state, own_state = reward.begin(reference), own.begin(reference)
        for token in (A, STOP, C, C):
            found_BV, own_BV = reward.increments(state), own.increments(own_state)
            found_BV[:, EOS] = own_BV[:, EOS] = 0.0
            torch.testing.assert_close(found_BV, own_BV)
            token_B = torch.tensor([token, token])
            state, own_state = reward.advance(state, token_B), own.advance(own_state, token_B)


@pytest.mark.parametrize("name", ["bleu", "rouge", "edit"])
@given(prefix=st.lists(st.sampled_from([*WORDS, UNK]), max_size=6), words=st.lists(st.sampled_from(WORDS), max_size=6))
def test_the_potential_is_the_sum_of_the_increments_so_far(name, prefix, words):
    reward, reference = metric_reward(name), reference_of(words)
    state, total = reward.begin(reference), 0.0
    for token in prefix:
        total += float(reward.increments(state)[0, token])
        state = reward.advance(state, torch.tensor([token]))
    assert float(reward.potential(state)) == pytest.approx(total, abs=1e-5)


BLOCKS = {
    "Latin": (0x20, 0x24F),
    "Greek and Cyrillic": (0x370, 0x52F),
    "Arabic and Hebrew": (0x590, 0x6FF),
    "Devanagari": (0x900, 0x97F),
    "Thai": (0xE00, 0xE7F),
    "punctuation and symbols": (0x2000, 0x2BFF),
    "kana and Han": (0x3000, 0x4FFF),
    "Hangul": (0xAC00, 0xD7AF),
    "emoji": (0x1F300, 0x1FAFF),
}


def texts_of(block):
    """Text in which characters, words and punctuation repeat, so that hypotheses match their references."""
    letters = st.characters(min_codepoint=block[0], max_codepoint=block[1], exclude_categories=["Cs", "Cn"])
    few = st.lists(letters, min_size=1, max_size=4)
    return few.flatmap(lambda known: st.text([*known, *known, " ", " ", ".", ",", "1", "-"], max_size=24))


def pairs_of(block):
    """A hypothesis and a reference of the same characters."""
    return texts_of(block).flatmap(lambda text: st.tuples(st.permutations(text).map("".join), st.just(text)))


@pytest.mark.parametrize("name", SCORERS)
@pytest.mark.parametrize("block", BLOCKS)
@fewer(6)
@given(data=st.data())
def test_in_any_script_targets_of_characters_have_the_score_of_their_text(block, name, data):
    hypothesis, reference = data.draw(pairs_of(BLOCKS[block]))
    characters = sorted({*hypothesis, *reference, " "})
    numbers = {character: n for n, character in enumerate(characters, start=4)}

    def text_of(ids):
        return "".join(characters[token - 4] for token in ids if token != EOS)

    scorer = SCORERS[name]
    tokens_1T, keep_1T = batch_of([[*(numbers[character] for character in reference), EOS]])
    given = Reference(tokens_BT=tokens_1T, keep_BT=keep_1T, num_tokens=4 + len(characters), symbols=SYMBOLS)
    target = batch_of([[*(numbers[character] for character in hypothesis), EOS]])
    reward = metric_reward(scorer.metric, text_of, scorer)
    expected = pytest.approx(said_by(scorer, hypothesis, reference), abs=2e-6)
    assert float(reward.score(given, *target)) == expected
    assert float(summed(reward, given, *target)) == pytest.approx(float(reward.score(given, *target)), abs=1e-5)


@pytest.mark.parametrize("name", ["bleu", "edit"])
@pytest.mark.parametrize("block", BLOCKS)
@settings(max_examples=25)
@given(data=st.data())
def test_in_any_script_targets_of_words_have_the_score_of_their_text(block, name, data):
    hypothesis, reference = (text.split() for text in data.draw(pairs_of(BLOCKS[block])))
    numbers = {word: n for n, word in enumerate(sorted({*hypothesis, *reference}), start=4)}
    tokens_1T, keep_1T = batch_of([[*(numbers[word] for word in reference), EOS]])
    given = Reference(tokens_BT=tokens_1T, keep_BT=keep_1T, num_tokens=4 + len(numbers), symbols=SYMBOLS)
    found = metric_reward(name).score(given, *batch_of([[*(numbers[word] for word in hypothesis), EOS]]))
    expected = said_by(load_scorer(name), " ".join(hypothesis), " ".join(reference))
    assert float(found) == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("name", SCORERS)
def test_an_unknown_token_is_one_word_that_matches_nothing(name):
    reward = of_text(name)
    batch = batch_of([[A, UNK, A, EOS], [A, C, A, EOS], [A, UNK, A, EOS]])
    score_B = reward.score(reference_of([A, UNK, A], [A, UNK, A], [A, B, STOP, A]), *batch)
    expected = said_by(SCORERS[name], "a ours a", "a theirs a"), said_by(SCORERS[name], "a B, a", "a theirs a")
    assert score_B[:2].tolist() == pytest.approx(expected, abs=2e-6)
    assert float(score_B[2]) == pytest.approx(said_by(SCORERS[name], "a ours a", "ab. a"), abs=2e-6)


WRITTEN = {name: SCORERS[name] for name in ("bleu 13a", "edit")} | {
    "characters": load_scorer({"name": "edit", "unit": "character"}),
    "chrf": load_scorer("chrf"),
    "ter": load_scorer("ter"),
    "sum": load_scorer({"sum": [{"name": "bleu", "weight": 0.5}, {"name": "chrf", "weight": 0.5}]}),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_reference_with_unknown_words_has_its_own_text(name):
    scorer, texts = WRITTEN[name], Texts.of([(3, "ab. ausgesucht, a"), (7, "a")])
    reference = replace(reference_of([A, B, STOP, UNK, A], [A, B]), index_B=torch.tensor([3, 5]), texts=texts)
    reward, hypotheses = metric_reward(scorer.metric, decode, scorer), [[A, B, STOP, A], [A, B]]
    found_B = reward.score(reference.take(torch.tensor([1, 0])), *batch_of([[*y, EOS] for y in reversed(hypotheses)]))
    references = ["ab. ausgesucht, a", decode([A, B])]
    if scorer.metric == "edit":
        expected = -scorer.corpus(list(map(decode, hypotheses)), references).statistics.values_ND[:, 0]
    else:
        expected = [
            scorer.objective(score) / 100.0 for score in scorer.sentences(list(map(decode, hypotheses)), references)
        ]
    assert found_B.tolist() == pytest.approx(list(reversed(list(expected))), abs=2e-6)


def test_equal_rows_are_read_once():
    read = []

    def recorded(ids):
        read.append(ids)
        return decode(ids)

    reward = TextReward(BleuReward(), str.split, recorded)
    reference = reference_of([A, B], [A, B], [C])
    reward.score(reference, *batch_of([[A, EOS], [A, EOS], [A, EOS]]))
    assert read == [(A, B, EOS), (C, EOS), (A, EOS)]


class TestTextScorer:
    def test_words_need_no_text_where_the_scorer_counts_words(self):
        scorer = replace(load_scorer("bleu"), tokens=str.split)
        assert text_scorer("bleu", [scorer], tokens_are_words=True) is None
        assert text_scorer("edit", [scorer], tokens_are_words=True) is None

    def test_pieces_need_it(self):
        scorer = load_scorer("bleu")
        assert text_scorer("bleu", [scorer], tokens_are_words=False) is scorer

    @pytest.mark.parametrize("scorer", [bleu_of("13a", 4), replace(load_scorer("bleu"), max_ngram_order=2)])
    def test_so_do_words_where_the_scorer_counts_something_else(self, scorer):
        assert text_scorer("bleu", [scorer], tokens_are_words=True) is scorer

    def test_a_metric_that_the_task_does_not_score_by_has_the_packages_scorer(self):
        assert text_scorer("edit", [load_scorer("bleu")], tokens_are_words=False) is load_scorer("edit")

    def test_its_settings_are_those_of_the_text(self):
        raw = ["A man, who runs.", "Two dogs (brown) play!", "She said: 'yes'."] * 20
        fitted = text_scorer("bleu", [load_scorer("edit")], tokens_are_words=False, references=raw)
        assert fitted.tokens(raw[0]) == ["A", "man", ",", "who", "runs", "."]

    def test_a_weighted_sum_is_that_of_the_task(self):
        summed_up = load_scorer({"sum": [{"name": "bleu", "weight": 0.5}, {"name": "chrf", "weight": 0.25}]})
        assert text_scorer("sum", [summed_up], tokens_are_words=True) is summed_up
        texts = ["a b."], ["a a b."]
        expected = 0.5 * load_scorer("bleu").sentences(*texts)[0] + 0.25 * load_scorer("chrf").sentences(*texts)[0]
        batch = batch_of([[A, C, EOS]])
        found_B = metric_reward("sum", lambda ids: texts[0][0] if C in ids else texts[1][0], summed_up).score(
            reference_of([A, A]), *batch
        )
        assert found_B.tolist() == pytest.approx([expected / 100.0], abs=1e-6)

    @pytest.mark.parametrize("name", ["constant", "bleu_prefix", "mine:overlap", "mine:Overlap"])
    def test_other_rewards_are_no_scores_of_text(self, name):
        assert text_scorer(name, [load_scorer("bleu")], tokens_are_words=False) is None

    def test_a_function_that_the_task_scores_by_keeps_its_direction(self):
        scorer = replace(
            load_scorer("bleu"),
            name="mine:errors",
            metric="mine:errors",
            higher_is_better=False,
            sentences=lambda hypotheses, _: [25.0] * len(hypotheses),
            tokens=None,
        )
        assert text_scorer("mine:errors", [scorer], tokens_are_words=True) is scorer
        reward = metric_reward("mine:errors", decode, scorer)
        assert isinstance(reward, FinishedReward)
        assert reward.score(reference_of([A]), *batch_of([[B, EOS]])).tolist() == [-0.25]


def test_without_decode_the_text_is_missing():
    with pytest.raises(ValueError, match="needs decode"):
        metric_reward("bleu", None, SCORERS["bleu 13a"])
