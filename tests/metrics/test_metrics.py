"""Corpus and sentence scores, against sacrebleu and rouge-score."""

import json
from importlib.metadata import version

import numpy as np
import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from erpo_explore.errors import ConfigError
from erpo_explore.metrics import load_scorer
from erpo_explore.metrics.load import metric_config
from erpo_explore.stats.bootstrap import Resamples, corpus_score, resample
from erpo_explore.tasks import ToyConfig
from erpo_explore.tasks.metric import METRICS, check_metric, reward_metric
from tests.examples import fewer
from tests.rewards import scoring
from tests.rewards.oracles import edit

OUTSIDE = f"{scoring.__name__}:shared_words"
EVERY = [
    *METRICS,
    OUTSIDE,
    {"name": f"{scoring.__name__}:missing_words", "higher_is_better": False},
    {"name": "bleu", "tokenize": "13a", "lowercase": True},
    {"name": "bleu", "max_ngram_order": 2},
    {"name": "chrf", "char_order": 3, "whitespace": True},
    {"name": "ter", "normalized": True, "no_punct": True},
    {"name": "rouge", "tokenizer": "characters"},
    {"name": "rouge", "tokenizer": "rouge-score"},
    {"name": "edit", "unit": "character"},
    {"name": "edit", "unit": "sentence"},
    {"sum": [{"name": "bleu", "weight": 0.7}, {"name": "chrf", "weight": 0.3}]},
    {"sum": ["ter", {"name": "edit", "weight": 2}]},
    {"sum": ["bleu", "ter"]},
    {"name": "bleu", "pieces": "@@", "text": "lc"},
]
"""Every metric, and options that change what it counts."""

ROUGES = ("rouge1", "rouge2", "rougeL")
REFERENCES = ("the old dog sleeps .", "two birds sing in a tree .", "a cat saw the dog .", "nobody came .")
HYPOTHESES = ("the old dog sleeps .", "two two birds sing .", "", "a dog saw The cat , the cat .")
words = st.sampled_from(["a", "b", "c", "D", "."])
lines = st.lists(words, max_size=7).map(" ".join)
pairs = st.lists(st.tuples(lines, lines.filter(bool)), min_size=1, max_size=5)
"""Pairs of a hypothesis, which may be empty, and a reference."""


class Words:
    """Tokens of ROUGE by default, as rouge-score takes a tokenizer."""

    tokenize = staticmethod(str.split)


def rouge_of(hypothesis, reference):
    scores = RougeScorer(list(ROUGES), tokenizer=Words()).score(reference, hypothesis)
    return {name.lower(): 100.0 * scores[name].fmeasure for name in ROUGES}


@given(pairs)
def test_bleu_equals_sacrebleus(written):
    hypotheses, references = zip(*written, strict=True)
    expected = sacrebleu.corpus_bleu(list(hypotheses), [list(references)], tokenize="none", force=True).score
    scored = load_scorer("bleu").corpus(hypotheses, references)
    assert scored.parts["bleu"] == scored.value == expected


@given(pairs)
def test_rouge_is_the_mean_over_sentences_of_rouge_scores(written):
    hypotheses, references = zip(*written, strict=True)
    each = [rouge_of(hypothesis, reference) for hypothesis, reference in written]
    expected = {name: sum(rouge[name] for rouge in each) / len(each) for name in each[0]}
    scored = load_scorer("rouge").corpus(hypotheses, references)
    assert dict(scored.parts) == pytest.approx(expected)
    assert scored.value == pytest.approx(sum(expected.values()) / 3)


@pytest.mark.parametrize("metric", EVERY)
@fewer(3)
@given(written=pairs)
def test_the_statistics_give_the_score_sentence_by_sentence(metric, written):
    hypotheses, references = zip(*written, strict=True)
    scored = load_scorer(metric).corpus(hypotheses, references)
    assert corpus_score(scored.statistics) == pytest.approx(load_scorer(metric).objective(scored.value), abs=1e-4)
    alone = [load_scorer(metric).corpus([h], [r]).statistics.values_ND[0] for h, r in written]
    assert np.array_equal(scored.statistics.values_ND, alone)


@pytest.mark.parametrize("metric", EVERY)
def test_references_are_perfect_and_empty_hypotheses_the_worst(metric):
    scorer = load_scorer(metric)
    best, middle, worst = (
        scorer.objective(scorer.corpus(hypotheses, REFERENCES).value)
        for hypotheses in (REFERENCES, HYPOTHESES, [""] * 4)
    )
    assert best > middle >= worst
    if isinstance(metric, str):
        expected = (100.0, 0.0) if scorer.higher_is_better else (0.0, -100.0)
        assert (best, worst) == pytest.approx(expected if metric != OUTSIDE else (best, worst))


@pytest.mark.parametrize("metric", EVERY)
@given(written=pairs)
def test_resampled_corpora_are_scored_as_the_metric_scores_them(metric, written):
    hypotheses, references = zip(*written, strict=True)
    scorer = load_scorer(metric)
    resamples = Resamples.draw(len(written), np.random.default_rng(len(written)), num_resamples=3)
    statistics = scorer.corpus(hypotheses, references).statistics
    for score, counts_N in zip(resample(statistics, resamples).scores_B, resamples.counts_BN.astype(int), strict=True):
        drawn = [pair for pair, count in zip(written, counts_N, strict=True) for _ in range(count)]
        expected = scorer.objective(scorer.corpus(*zip(*drawn, strict=True)).value)
        assert score == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("metric", EVERY)
def test_a_metric_is_written_and_read_again(metric):
    assert metric_config(metric_config(metric).written()) == metric_config(metric)
    assert check_metric(check_metric(metric)) == check_metric(metric)
    json.dumps(check_metric(metric))


@pytest.mark.parametrize("metric", EVERY)
def test_sentences_are_scored_in_the_units_of_the_metric(metric):
    scorer = load_scorer(metric)
    scores = scorer.sentences(REFERENCES, REFERENCES)
    assert len(scores) == len(REFERENCES)
    assert scores == pytest.approx([scorer.corpus(REFERENCES, REFERENCES).value] * len(REFERENCES))


@pytest.mark.parametrize("metric", ["bleu", "ter", "rouge", "edit"])
def test_a_metric_of_tokens_names_them(metric):
    assert [token.lower() for token in load_scorer(metric).tokens("The dog .")] == ["the", "dog", "."]


@pytest.mark.parametrize(
    ("metric", "arguments", "theirs"),
    [
        ({"name": "bleu", "tokenize": "13a"}, {"tokenize": "13a"}, sacrebleu.corpus_bleu),
        ({"name": "bleu", "tokenize": "zh"}, {"tokenize": "zh"}, sacrebleu.corpus_bleu),
        (
            {"name": "bleu", "tokenize": "char", "lowercase": True},
            {"tokenize": "char", "lowercase": True},
            sacrebleu.corpus_bleu,
        ),
        ("chrf", {}, sacrebleu.corpus_chrf),
        ("chrf++", {"word_order": 2}, sacrebleu.corpus_chrf),
        ("ter", {}, sacrebleu.corpus_ter),
        (
            {"name": "ter", "normalized": True, "asian_support": True},
            {"normalized": True, "asian_support": True},
            sacrebleu.corpus_ter,
        ),
    ],
)
@given(
    written=st.lists(
        st.tuples(st.text("ab,。大狗 .", max_size=20), st.text("ab,。大狗 .", min_size=1, max_size=20)),
        min_size=1,
        max_size=4,
    )
)
def test_options_are_those_of_sacrebleu(metric, arguments, theirs, written):
    hypotheses, references = (list(side) for side in zip(*written, strict=True))
    if theirs is sacrebleu.corpus_bleu:
        arguments = arguments | {"force": True}
    expected = theirs(hypotheses, [references], **arguments).score
    assert load_scorer(metric).corpus(hypotheses, references).value == expected


@given(pairs)
def test_a_sum_weighs_scores_of_one_direction_and_subtracts_errors(written):
    hypotheses, references = zip(*written, strict=True)
    bleu, chrf, ter = (load_scorer(name).corpus(hypotheses, references).value for name in ("bleu", "chrf", "ter"))
    same = load_scorer({"sum": [{"name": "bleu", "weight": 0.7}, {"name": "chrf", "weight": 0.3}]})
    assert same.corpus(hypotheses, references).value == pytest.approx(0.7 * bleu + 0.3 * chrf)
    mixed = load_scorer({"sum": ["bleu", {"name": "ter", "weight": 0.5}]})
    assert (mixed.higher_is_better, mixed.name) == (True, "1 bleu − 0.5 ter")
    assert mixed.corpus(hypotheses, references).value == pytest.approx(bleu - 0.5 * ter)
    errors = load_scorer({"sum": ["ter", "edit"]})
    assert errors.higher_is_better is False


def test_a_rate_of_sentences_is_the_share_without_an_exact_match():
    scored = load_scorer({"name": "edit", "unit": "sentence"}).corpus(["a b", "a", "", "c"], ["a b", "b", "b", "c"])
    assert scored.value == 50.0


def test_a_rate_of_characters_counts_spaces():
    scored = load_scorer({"name": "edit", "unit": "character"}).corpus(["ab"], ["a b"])
    assert scored.value == pytest.approx(100.0 / 3.0)


def test_pieces_are_joined_before_scoring():
    joined = load_scorer({"name": "bleu", "pieces": "@@"}).corpus(["the lo@@ ne@@ ly dog ."], ["the lonely d@@ og ."])
    assert joined.value == pytest.approx(100.0)
    assert joined.signature.endswith("|joined:@@")


def test_a_label_is_the_name_in_results():
    assert load_scorer({"name": "edit", "unit": "word", "label": "WER"}).name == "WER"


def test_a_signature_names_scorer_settings_and_version():
    bleu = load_scorer("bleu").corpus(HYPOTHESES, REFERENCES).signature
    assert bleu == f"BLEU|nrefs:1|case:mixed|eff:no|tok:none|smooth:exp|version:{version('sacrebleu')}"
    rouge = load_scorer("rouge").corpus(HYPOTHESES, REFERENCES).signature
    assert rouge.startswith("ROUGE|f1|") and rouge.endswith(f"version:{version('rouge-score')}")
    edits = load_scorer("edit").corpus(HYPOTHESES, REFERENCES).signature
    assert edits == "EDIT|rate:edits/reference|unit:token|costs:1,1,1|case:mixed|version:2"


@given(pairs)
def test_a_sentences_bleu_is_sacrebleus_with_add_1_smoothing(written):
    hypotheses, references = zip(*written, strict=True)
    expected = [
        sacrebleu.sentence_bleu(h, [r], tokenize="none", smooth_method="add-k", smooth_value=1).score
        for h, r in written
    ]
    assert load_scorer("bleu").sentences(hypotheses, references) == expected


@given(pairs)
def test_a_sentences_rouge_is_the_mean_of_its_three(written):
    hypotheses, references = zip(*written, strict=True)
    expected = [sum(rouge_of(hypothesis, reference).values()) / 3 for hypothesis, reference in written]
    assert load_scorer("rouge").sentences(hypotheses, references) == pytest.approx(expected)


def levenshtein(hypothesis, reference):
    """The textbook recursion, row by row."""
    row = list(range(len(reference) + 1))
    for i, word in enumerate(hypothesis, start=1):
        before, row = row, [i]
        for j, other in enumerate(reference, start=1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (word != other)))
    return row[-1]


@given(pairs)
def test_edit_is_the_share_of_levenshteins_edits_in_the_references(written):
    edits = [levenshtein(hypothesis.split(), reference.split()) for hypothesis, reference in written]
    hypotheses, references = zip(*written, strict=True)
    scored = load_scorer("edit").corpus(hypotheses, references)
    rate = 100.0 * sum(edits) / sum(len(reference.split()) for reference in references)
    assert scored.parts["token_error_rate"] == pytest.approx(rate)
    assert scored.value == pytest.approx(rate)
    assert scored.parts["sentence_error_rate"] == pytest.approx(100.0 * sum(edit > 0 for edit in edits) / len(edits))


@pytest.mark.parametrize(
    ("hypothesis", "reference", "edits"),
    [
        ("k i t t e n", "s i t t i n g", 3),
        ("s a t u r d a y", "s u n d a y", 3),
        ("i n t e n t i o n", "e x e c u t i o n", 5),
        ("a b c", "c b a", 2),
        ("", "a b", 2),
        ("x y z w v", "a", 5),
    ],
)
def test_published_distances(hypothesis, reference, edits):
    """Wikipedia's and Jurafsky and Martin's examples, with substitutions that cost 1."""
    rate = load_scorer("edit").corpus([hypothesis], [reference]).parts["token_error_rate"]
    assert rate == pytest.approx(100.0 * edits / len(reference.split()))


@given(pairs)
def test_a_sentences_edit_score_is_that_of_a_corpus_of_one(written):
    hypotheses, references = zip(*written, strict=True)
    alone = [load_scorer("edit").corpus([h], [r]).value for h, r in written]
    assert load_scorer("edit").sentences(hypotheses, references) == pytest.approx(alone)


@given(pairs)
def test_the_error_rate_is_minus_the_reward_edit_per_reference_token(written):
    hypotheses, references = zip(*written, strict=True)
    rewards = [edit(hypothesis.split(), reference.split()) for hypothesis, reference in written]
    expected = -100.0 * sum(rewards) / sum(len(reference.split()) for reference in references)
    assert load_scorer("edit").corpus(hypotheses, references).value == pytest.approx(expected)


@given(pairs)
def test_a_function_from_outside_is_the_mean_over_sentences(written):
    hypotheses, references = (list(side) for side in zip(*written, strict=True))
    expected = [100.0 * score for score in scoring.shared_words(hypotheses, references)]
    scorer = load_scorer(OUTSIDE)
    assert scorer.sentences(hypotheses, references) == pytest.approx(expected)
    assert scorer.corpus(hypotheses, references).value == pytest.approx(sum(expected) / len(expected), abs=1e-4)


def test_the_signature_of_a_function_from_outside_is_its_name():
    assert load_scorer(OUTSIDE).corpus(HYPOTHESES, REFERENCES).signature == f"{OUTSIDE}|mean"


def test_a_function_itself_is_known_by_its_name():
    assert ToyConfig(metric=scoring.shared_words).metric == OUTSIDE


@pytest.mark.parametrize("metric", ["blue", "BLEU", 3, f"{scoring.__name__}:SamePosition", "a b:c"])
def test_what_has_no_form_of_a_metric_is_refused(metric):
    with pytest.raises(
        ValueError,
        match=r"must be one of bleu, chrf, chrf\+\+, ter, rouge, edit, or your own function of hypotheses and refer",
    ):
        check_metric(metric)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such.module:score", r"^task.metric=no_such.module:score: the module no_such.module cannot be imported"),
        (f"{scoring.__name__}:NUMBER", "must be a function of hypotheses and references, got int"),
        (f"{scoring.__name__}:lower_case", "must be a function of hypotheses and references, got a class"),
    ],
)
def test_what_cannot_score_is_named_in_one_line(name, message):
    with pytest.raises(ConfigError, match=message) as caught:
        load_scorer(name)
    assert "\n" not in str(caught.value)


def test_a_score_out_of_range_names_the_setting_and_the_hypothesis():
    name = f"{scoring.__name__}:percent"
    with pytest.raises(ConfigError, match=rf"^task.metric={name} must return 2 numbers .* got 73.0 for hypothesis 1"):
        load_scorer(name).corpus(["a", "b"], ["a", "b"])


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ({"name": "bleu", "tokenise": "13a"}, "tokenise: Extra inputs are not permitted"),
        ({"name": "bleu", "tokenize": "13b"}, "tokenize: .*'13b'"),
        ({"name": "bleu", "max_ngram_order": 0}, "max_ngram_order: .*got 0"),
        ({"tokenize": "13a"}, "must have a name"),
        ({"name": "meteor"}, "must be one of bleu"),
        ({"sum": ["bleu"]}, "at least two"),
        ({"sum": ["bleu", {"name": "ter", "weight": 0}]}, "above 0 and finite"),
        ({"sum": ["bleu", {"sum": ["ter", "chrf"]}]}, "must not be a sum"),
    ],
)
def test_a_wrong_option_is_named_in_one_line(metric, message):
    with pytest.raises(ValueError, match=message) as caught:
        check_metric(metric)
    assert "\n" not in str(caught.value)


def test_two_equal_further_metrics_are_refused():
    with pytest.raises(ValueError, match="must name each metric once, got 'ter' twice"):
        ToyConfig(also=["chrf", "ter", "ter"])


def test_rewards_take_the_metric_or_the_nearest_one():
    metrics = ["bleu", "chrf", "ter", {"name": "edit", "unit": "word"}, {"sum": [{"name": "ter", "weight": 3}, "bleu"]}]
    assert [reward_metric(metric) for metric in metrics] == ["bleu", "bleu", "edit", "edit", "edit"]
