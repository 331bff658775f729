"""Against sacrebleu and plain means, on corpora that are resampled sentence by sentence."""

import numpy as np
import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.significance import PairedTest

from erpo_explore.stats.bootstrap import (
    CorpusStatistics,
    Resamples,
    compare,
    corpus_score,
    paired_bootstrap,
    resample,
)

lines = st.lists(st.sampled_from(["a", "b", "c", "D", "."]), max_size=8).map(" ".join)
pairs = st.lists(st.tuples(lines, lines.filter(bool)), min_size=1, max_size=6)
"""Pairs of hypotheses, which may be empty, and references."""
seeds = st.integers(0, 2**32 - 1)
means = st.integers(1, 12).flatmap(
    lambda n: st.lists(
        st.lists(st.floats(0.0, 100.0, width=32), min_size=3, max_size=3), min_size=2 * n, max_size=2 * n
    )
)
"""Sentence scores of two systems, one behind the other."""


def bleu_of(hypotheses, references):
    scorer = BLEU(tokenize="none", force=True, effective_order=True)
    scores = [scorer.sentence_score(h, [r]) for h, r in zip(hypotheses, references, strict=True)]
    values_ND = np.array([[s.sys_len, s.ref_len, *s.counts, *s.totals] for s in scores], dtype=np.float32)
    return CorpusStatistics(kind="bleu", values_ND=values_ND)


def mean_of(values):
    return CorpusStatistics(kind="mean", values_ND=np.array(values, dtype=np.float32))


def both(values):
    return mean_of(values[: len(values) // 2]), mean_of(values[len(values) // 2 :])


def sacrebleus(hypotheses, references):
    return sacrebleu.corpus_bleu(list(hypotheses), [list(references)], tokenize="none", force=True).score


def drawn(num_sentences, seed, num_resamples=20):
    return Resamples.draw(num_sentences, np.random.default_rng(seed), num_resamples=num_resamples)


def spoilt(references, share, generator):
    """Hypotheses with a share of the words lost or replaced."""
    spoil = [(word, generator.random(), generator.random()) for line in references for word in (*line.split(), "\n")]
    kept = (word if word == "\n" or at > share else "x" if how > 0.5 else "" for word, at, how in spoil)
    return [" ".join(line.split()) for line in " ".join(kept).split("\n")[:-1]]


@pytest.fixture(scope="module")
def texts():
    """References, and three systems of growing quality on them."""
    generator = np.random.default_rng(5)
    words = list("abcdefghijklmno")
    references = [" ".join(generator.choice(words, size=generator.integers(3, 15))) for _ in range(150)]
    return references, [spoilt(references, share, generator) for share in (0.35, 0.33, 0.2)]


class TestScores:
    @given(pairs)
    def test_bleu_matches_sacrebleu(self, written):
        hypotheses, references = zip(*written, strict=True)
        assert corpus_score(bleu_of(hypotheses, references)) == pytest.approx(
            sacrebleus(hypotheses, references), abs=1e-9
        )

    @pytest.mark.parametrize("hypothesis", ["", "x", "x x x x x", "a", "a x", "a x b x c", "a b x c d", "a b c x d e"])
    def test_bleu_matches_sacrebleu_where_orders_lack_matches_or_n_grams(self, hypothesis):
        hypotheses, references = [hypothesis, hypothesis], ["a b c d e", "e d"]
        assert corpus_score(bleu_of(hypotheses, references)) == pytest.approx(
            sacrebleus(hypotheses, references), abs=1e-9
        )

    @given(pairs, seeds)
    def test_bleu_of_resampled_corpora_matches_sacrebleu_on_their_texts(self, written, seed):
        hypotheses, references = zip(*written, strict=True)
        resamples = drawn(len(written), seed)
        scores_B = resample(bleu_of(hypotheses, references), resamples).scores_B
        for score, counts_N in zip(scores_B, resamples.counts_BN.astype(int), strict=True):
            index = np.repeat(np.arange(len(written)), counts_N)
            expected = sacrebleus([hypotheses[i] for i in index], [references[i] for i in index])
            assert score == pytest.approx(expected, abs=1e-9)

    @given(means, seeds)
    def test_sentence_scores_give_their_mean(self, values, seed):
        statistics = mean_of(values)
        resamples = drawn(len(values), seed)
        resampled = resample(statistics, resamples)
        assert resampled.score == corpus_score(statistics) == pytest.approx(np.mean(values), abs=1e-4)
        for score, counts_N in zip(resampled.scores_B, resamples.counts_BN.astype(int), strict=True):
            assert score == pytest.approx(np.mean(np.repeat(values, counts_N, axis=0)), abs=1e-4)

    @given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), min_size=1, max_size=9), seeds)
    def test_an_error_rate_is_a_ratio_of_sums_also_where_resampled(self, counts, seed):
        statistics = CorpusStatistics(kind="error_rate", values_ND=np.array(counts, dtype=np.float32))
        resamples = drawn(len(counts), seed)
        for score, counts_N in zip(
            resample(statistics, resamples).scores_B, resamples.counts_BN.astype(int), strict=True
        ):
            errors, lengths = np.repeat(np.array(counts), counts_N, axis=0).sum(axis=0)
            assert score == pytest.approx(-100.0 * errors / lengths)

    @given(pairs, st.randoms(use_true_random=False))
    def test_the_order_of_the_sentences_does_not_matter(self, written, shuffle):
        shuffled = list(written)
        shuffle.shuffle(shuffled)
        one, other = (corpus_score(bleu_of(*zip(*each, strict=True))) for each in (written, shuffled))
        assert one == other


class TestResamples:
    def test_a_corpus_has_as_many_sentences_as_the_first(self):
        counts_BN = drawn(37, 1).counts_BN
        assert counts_BN.shape == (20, 37)
        assert (counts_BN.sum(axis=1) == 37).all()

    def test_the_same_generator_draws_the_same(self):
        assert np.array_equal(drawn(37, 1).counts_BN, drawn(37, 1).counts_BN)
        assert not np.array_equal(drawn(37, 1).counts_BN, drawn(37, 2).counts_BN)

    def test_every_sentence_is_drawn_equally_often(self):
        total_N = drawn(20, 3, num_resamples=2000).counts_BN.sum(axis=0)
        assert abs(total_N - 2000).max() < 5 * 2000**0.5


class TestPairedBootstrap:
    @pytest.mark.parametrize(("first", "second"), [(0, 1), (1, 2), (0, 2), (2, 0)])
    def test_p_value_matches_sacrebleu(self, texts, first, second, monkeypatch):
        references, systems = texts
        monkeypatch.setenv("SACREBLEU_SEED", "12345")
        metric = BLEU(tokenize="none", force=True)
        named = [("first", systems[first]), ("second", systems[second])]
        _, results = PairedTest(named, {"BLEU": metric}, [references], test_type="bs", n_samples=1000)()
        statistics = [bleu_of(systems[index], references) for index in (first, second)]
        same_draws = Resamples.draw(len(references), np.random.default_rng(12345))
        comparison = paired_bootstrap(*statistics, same_draws)
        assert comparison.p_value == pytest.approx(results["BLEU"][1].p_value, abs=1.5e-3)
        assert comparison.difference == pytest.approx(results["BLEU"][0].score - results["BLEU"][1].score)
        # and with other draws within four standard deviations of what the two may differ by
        p_value = paired_bootstrap(*statistics, Resamples.draw(len(references), np.random.default_rng(6))).p_value
        error = (comparison.p_value * (1.0 - comparison.p_value) / 1000) ** 0.5
        assert p_value == pytest.approx(comparison.p_value, abs=4.0 * 2**0.5 * error)

    def test_clear_differences_are_significant_and_small_ones_are_not(self, texts):
        references, systems = texts
        poor, near, good = (bleu_of(hypotheses, references) for hypotheses in systems)
        resamples = drawn(len(references), 7, num_resamples=1000)
        clear, unclear = paired_bootstrap(good, poor, resamples), paired_bootstrap(near, poor, resamples)
        assert 0.0 < clear.low < clear.difference < clear.high
        assert (clear.p_value, clear.share_won) == (pytest.approx(1 / 1001), 1.0)
        assert unclear.low < 0.0 < unclear.high
        assert unclear.p_value > 0.05

    def test_interval_of_a_mean_of_many_matches_the_normal_law(self):
        generator = np.random.default_rng(8)
        first, second = generator.normal(50.0, 10.0, (2, 400, 1))
        comparison = paired_bootstrap(mean_of(first), mean_of(second), drawn(400, 9, num_resamples=4000))
        half = 1.96 * np.std(first - second) / 400**0.5
        assert comparison.low == pytest.approx(comparison.difference - half, abs=0.1 * half)
        assert comparison.high == pytest.approx(comparison.difference + half, abs=0.1 * half)

    def test_equal_systems_are_rejected_at_the_nominal_rate(self):
        generator = np.random.default_rng(10)
        resamples = drawn(100, 11, num_resamples=400)
        comparisons = [
            paired_bootstrap(*map(mean_of, generator.normal(50.0, 10.0, (2, 100, 1))), resamples) for _ in range(400)
        ]
        won = np.array([comparison.share_won for comparison in comparisons])
        error = (0.05 * 0.95 / 400) ** 0.5
        assert np.mean(won >= 0.95) == pytest.approx(0.05, abs=4.0 * error)
        assert np.mean(won <= 0.05) == pytest.approx(0.05, abs=4.0 * error)
        # sacrebleu's test sees one tail of the two, so at level 0.05 it errs about twice as often
        assert 0.05 < np.mean([comparison.p_value <= 0.05 for comparison in comparisons]) < 0.15

    @given(means, seeds)
    def test_a_system_does_not_differ_from_itself(self, values, seed):
        comparison = paired_bootstrap(mean_of(values), mean_of(values), drawn(len(values), seed))
        assert (comparison.difference, comparison.low, comparison.high) == (0.0, 0.0, 0.0)
        assert (comparison.p_value, comparison.share_won) == (1.0, 0.5)

    @given(means, seeds)
    def test_swapping_systems_negates_the_difference(self, values, seed):
        first, second = both(values)
        resamples = drawn(first.num_sentences, seed)
        one, other = paired_bootstrap(first, second, resamples), paired_bootstrap(second, first, resamples)
        assert other.difference == -one.difference
        assert (other.low, other.high) == (pytest.approx(-one.high), pytest.approx(-one.low))
        assert other.p_value == one.p_value
        assert other.share_won == pytest.approx(1.0 - one.share_won)

    @given(means, seeds)
    def test_shared_resamples_give_the_same_comparisons_as_pairs(self, values, seed):
        first, second = both(values)
        resamples = drawn(first.num_sentences, seed)
        each = [resample(statistics, resamples) for statistics in (first, second)]
        assert compare(*each) == paired_bootstrap(first, second, resamples)


class TestWhatDoesNotFit:
    @pytest.mark.parametrize(
        ("kind", "values", "message"),
        [
            ("bleu", np.ones((2, 3)), r"must have 2 \+ 2n columns, got 3"),
            ("chrf", np.ones((2, 4)), "statistics of chrf must have 3n columns, got 4"),
            ("0.5*mean:2 + 1.0*error_rate:2", np.ones((2, 5)), "as many columns as its parts, got 5"),
            ("0.5*mean:2 + 1.0*rate:2", np.ones((2, 4)), "must be one of bleu, chrf, mean, error_rate or a sum"),
            ("error_rate", np.ones((2, 3)), "statistics of error_rate must have 2 columns, got 3"),
            ("mean", np.ones((0, 3)), "at least one sentence"),
            ("mean", np.ones((3, 0)), "at least one sentence and one column"),
            ("mean", np.array([[1.0, np.nan]]), "must be finite"),
        ],
    )
    def test_statistics(self, kind, values, message):
        with pytest.raises(ValueError, match=message):
            CorpusStatistics(kind=kind, values_ND=values.astype(np.float32))

    def test_resamples_of_another_corpus_are_refused(self):
        with pytest.raises(ValueError, match="resamples of 3 sentences do not fit a corpus of 2"):
            resample(mean_of([[1.0], [2.0]]), drawn(3, 1))

    def test_statistics_of_another_score_are_refused(self):
        bleu = bleu_of(["a b"], ["a b"])
        with pytest.raises(ValueError, match="statistics of bleu cannot be compared with statistics of mean"):
            paired_bootstrap(bleu, mean_of([[1.0]]), drawn(1, 1))

    def test_statistics_are_equal_by_value(self):
        assert mean_of([[1.0], [2.0]]) == mean_of([[1.0], [2.0]])
        assert mean_of([[1.0], [2.0]]) != mean_of([[1.0], [2.5]])
        assert mean_of([[1.0]]) != 1.0
