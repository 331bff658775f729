"""Corpus and sentence scores, against sacrebleu and rouge-score."""

from importlib.metadata import version

import numpy as np
import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from erpo_explore.stats.bootstrap import corpus_score
from erpo_explore.trial.scoring import score_sentences, score_texts

ROUGES = ("rouge1", "rouge2", "rougeL")
REFERENCES = ("the old dog sleeps .", "two birds sing in a tree .", "a cat saw the dog .", "nobody came .")
HYPOTHESES = ("the old dog sleeps .", "two two birds sing .", "", "a dog saw The cat , the cat .")
words = st.sampled_from(["a", "b", "c", "D", "."])
lines = st.lists(words, max_size=7).map(" ".join)
pairs = st.lists(st.tuples(lines, lines.filter(bool)), min_size=1, max_size=5)
"""Pairs of a hypothesis, which may be empty, and a reference."""


def rouge_of(hypothesis, reference):
    scores = RougeScorer(list(ROUGES)).score(reference, hypothesis)
    return {name.lower(): 100.0 * scores[name].fmeasure for name in ROUGES}


@given(pairs)
def test_bleu_equals_sacrebleus(written):
    hypotheses, references = zip(*written, strict=True)
    expected = sacrebleu.corpus_bleu(list(hypotheses), [list(references)], tokenize="none", force=True).score
    scored = score_texts("bleu", hypotheses, references)
    assert scored["bleu"] == scored["score"] == expected


@given(pairs)
def test_rouge_is_the_mean_over_sentences_of_rouge_scores(written):
    hypotheses, references = zip(*written, strict=True)
    each = [rouge_of(hypothesis, reference) for hypothesis, reference in written]
    expected = {name: sum(rouge[name] for rouge in each) / len(each) for name in each[0]}
    scored = score_texts("rouge", hypotheses, references)
    assert {name: scored[name] for name in expected} == pytest.approx(expected)
    assert scored["score"] == pytest.approx(sum(expected.values()) / 3)


@pytest.mark.parametrize("metric", ["bleu", "rouge"])
@given(written=pairs)
def test_the_statistics_give_the_score_sentence_by_sentence(metric, written):
    hypotheses, references = zip(*written, strict=True)
    scored = score_texts(metric, hypotheses, references)
    assert corpus_score(scored["statistics"]) == pytest.approx(scored["score"], abs=1e-4)
    alone = [score_texts(metric, [h], [r])["statistics"].values_ND[0] for h, r in written]
    assert np.array_equal(scored["statistics"].values_ND, alone)


@pytest.mark.parametrize("metric", ["bleu", "rouge"])
def test_references_score_100_and_empty_hypotheses_0(metric):
    assert score_texts(metric, REFERENCES, REFERENCES)["score"] == pytest.approx(100.0)
    assert score_texts(metric, [""] * 4, REFERENCES)["score"] == 0.0


def test_a_signature_names_scorer_settings_and_version():
    bleu = score_texts("bleu", HYPOTHESES, REFERENCES)["signature"]
    assert bleu == f"BLEU|nrefs:1|case:mixed|eff:no|tok:none|smooth:exp|version:{version('sacrebleu')}"
    rouge = score_texts("rouge", HYPOTHESES, REFERENCES)["signature"]
    assert rouge.startswith("ROUGE|f1|") and rouge.endswith(f"version:{version('rouge-score')}")


@given(pairs)
def test_a_sentences_bleu_is_sacrebleus_with_add_1_smoothing(written):
    hypotheses, references = zip(*written, strict=True)
    expected = [
        sacrebleu.sentence_bleu(h, [r], tokenize="none", smooth_method="add-k", smooth_value=1).score
        for h, r in written
    ]
    assert score_sentences("bleu", hypotheses, references) == expected


@given(pairs)
def test_a_sentences_rouge_is_the_mean_of_its_three(written):
    hypotheses, references = zip(*written, strict=True)
    expected = [sum(rouge_of(hypothesis, reference).values()) / 3 for hypothesis, reference in written]
    assert score_sentences("rouge", hypotheses, references) == pytest.approx(expected)
