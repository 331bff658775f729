import math
from importlib.metadata import version

import numpy as np
import pytest
import sacrebleu
import torch
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from erpo_explore.seq2seq import beam_search, greedy
from erpo_explore.stats.bootstrap import corpus_score
from erpo_explore.tasks import collate
from erpo_explore.trial import evaluate, evaluation
from erpo_explore.trial.scoring import score_sentences, score_texts

from .tiny import PATHS, TRAINING, fresh_model, run_of, toy, weights

ROUGES = ("rouge1", "rouge2", "rougeL")
REFERENCES = ("the old dog sleeps .", "two birds sing in a tree .", "a cat saw the dog .", "nobody came .")
HYPOTHESES = ("the old dog sleeps .", "two two birds sing .", "", "a dog saw The cat , the cat .")
words = st.sampled_from(["a", "b", "c", "D", "."])
lines = st.lists(words, max_size=7).map(" ".join)
pairs = st.lists(st.tuples(lines, lines.filter(bool)), min_size=1, max_size=5)
"""Of hypotheses, which may be empty, and references."""


def rouge_of(hypothesis, reference):
    scores = RougeScorer(list(ROUGES)).score(reference, hypothesis)
    return {name.lower(): 100.0 * scores[name].fmeasure for name in ROUGES}


@pytest.fixture(scope="module", params=["bleu", "rouge"])
def trained(request):
    """A model that has seen a few batches, and its task."""
    run, task = run_of(PATHS["mle"], metric=request.param), toy(request.param)
    run.advance()
    model = fresh_model(task, torch.Generator())
    model.load_state_dict(weights(run))
    return model, task


class TestTexts:
    @given(pairs)
    def test_bleu_is_sacrebleus_own(self, written):
        hypotheses, references = zip(*written, strict=True)
        expected = sacrebleu.corpus_bleu(list(hypotheses), [list(references)], tokenize="none", force=True).score
        scored = score_texts("bleu", hypotheses, references)
        assert scored["bleu"] == scored["score"] == expected

    @given(pairs)
    def test_rouge_is_the_mean_over_sentences_of_rouge_scores_own(self, written):
        hypotheses, references = zip(*written, strict=True)
        each = [rouge_of(hypothesis, reference) for hypothesis, reference in written]
        expected = {name: sum(rouge[name] for rouge in each) / len(each) for name in each[0]}
        scored = score_texts("rouge", hypotheses, references)
        assert {name: scored[name] for name in expected} == pytest.approx(expected)
        assert scored["score"] == pytest.approx(sum(expected.values()) / 3)

    @pytest.mark.parametrize("metric", ["bleu", "rouge"])
    @given(written=pairs)
    def test_the_statistics_give_the_score_sentence_by_sentence(self, metric, written):
        hypotheses, references = zip(*written, strict=True)
        scored = score_texts(metric, hypotheses, references)
        assert corpus_score(scored["statistics"]) == pytest.approx(scored["score"], abs=1e-4)
        alone = [score_texts(metric, [h], [r])["statistics"].values_ND[0] for h, r in written]
        assert np.array_equal(scored["statistics"].values_ND, alone)

    @pytest.mark.parametrize("metric", ["bleu", "rouge"])
    def test_the_references_themselves_score_100_and_nothing_scores_0(self, metric):
        assert score_texts(metric, REFERENCES, REFERENCES)["score"] == pytest.approx(100.0)
        assert score_texts(metric, [""] * 4, REFERENCES)["score"] == 0.0

    def test_a_signature_names_scorer_settings_and_version(self):
        bleu = score_texts("bleu", HYPOTHESES, REFERENCES)["signature"]
        assert bleu == f"BLEU|nrefs:1|case:mixed|eff:no|tok:none|smooth:exp|version:{version('sacrebleu')}"
        rouge = score_texts("rouge", HYPOTHESES, REFERENCES)["signature"]
        assert rouge.startswith("ROUGE|f1|") and rouge.endswith(f"version:{version('rouge-score')}")

    @given(pairs)
    def test_a_sentences_bleu_is_sacrebleus_with_add_1_smoothing(self, written):
        hypotheses, references = zip(*written, strict=True)
        expected = [
            sacrebleu.sentence_bleu(h, [r], tokenize="none", smooth_method="add-k", smooth_value=1).score
            for h, r in written
        ]
        assert score_sentences("bleu", hypotheses, references) == expected

    @given(pairs)
    def test_a_sentences_rouge_is_the_mean_of_its_three(self, written):
        hypotheses, references = zip(*written, strict=True)
        expected = [sum(rouge_of(hypothesis, reference).values()) / 3 for hypothesis, reference in written]
        assert score_sentences("rouge", hypotheses, references) == pytest.approx(expected)


class TestEvaluate:
    def test_the_samples_are_what_the_model_says_to_each_source_alone(self, trained):
        model, task = trained
        samples = evaluate(model, task, task.validation, num_samples=8).samples
        assert [sample.index for sample in samples] == list(range(8))
        longest = max(len(ids) + 1 for ids in task.validation.target_ids)
        for sample in samples:
            batch = collate(task.validation, [sample.index], task.symbols)
            with torch.no_grad():
                memory = model.eval().encode(batch.source_BS, batch.source_keep_BS)
            tokens_BT = greedy(model, memory, task.symbols, math.ceil(2.0 * longest))
            assert sample.hypothesis == task.target_vocabulary.decode(tokens_BT[0].tolist())
            assert sample.source == task.validation.sources[sample.index]
            assert sample.reference == task.validation.references[sample.index]

    @pytest.mark.parametrize("length_penalty", [0.0, 1.0])
    def test_with_a_beam_they_are_what_beam_search_says(self, trained, length_penalty):
        model, task = trained
        scores = evaluate(model, task, task.validation, num_samples=8, beam_width=3, length_penalty=length_penalty)
        max_tokens = max(map(len, task.validation.target_ids)) + 10
        for sample in scores.samples:
            batch = collate(task.validation, [sample.index], task.symbols)
            with torch.no_grad():
                memory = model.eval().encode(batch.source_BS, batch.source_keep_BS)
            tokens_BT = beam_search(model, memory, task.symbols, max_tokens, width=3, length_penalty=length_penalty)
            assert sample.hypothesis == task.target_vocabulary.decode(tokens_BT[0].tolist())
        assert scores.validation_nll_nats == evaluate(model, task, task.validation).validation_nll_nats

    def test_the_score_is_that_of_the_decoded_texts(self, trained):
        model, task = trained
        scores = evaluate(model, task, task.validation, num_samples=8)
        hypotheses = [sample.hypothesis for sample in scores.samples]
        expected = score_texts(task.metric, hypotheses, task.validation.references)
        assert {name: getattr(scores, name) for name in expected} == expected
        assert 0.0 < scores.score < 100.0
        assert [sample.sentence_score for sample in scores.samples] == score_sentences(
            task.metric, hypotheses, task.validation.references
        )

    def test_only_the_tasks_metric_is_filled(self, trained):
        model, task = trained
        scores = evaluate(model, task, task.validation)
        rouges = (scores.rouge1, scores.rouge2, scores.rougel)
        assert (scores.bleu is None) == (task.metric == "rouge")
        assert (rouges == (None, None, None)) == (task.metric == "bleu")

    def test_the_nll_is_the_mean_over_all_reference_tokens(self, trained):
        model, task = trained
        total, num_tokens = 0.0, 0
        model.eval()
        for index, ids in enumerate(task.validation.target_ids):
            batch = collate(task.validation, [index], task.symbols)
            inputs, labels = [task.symbols.bos, *ids], [*ids, task.symbols.eos]
            with torch.no_grad():
                memory = model.encode(batch.source_BS, batch.source_keep_BS)
                log_p_TV = model.decode(memory, torch.tensor([inputs]))[0].double().log_softmax(-1)
            total -= sum(float(log_p_TV[t, label]) for t, label in enumerate(labels))
            num_tokens += len(labels)
        assert evaluate(model, task, task.validation).validation_nll_nats == pytest.approx(total / num_tokens, rel=1e-6)

    @pytest.mark.parametrize("batch_size", [1, 3, 8])
    def test_the_nll_does_not_depend_on_batches_and_padding(self, trained, batch_size, monkeypatch):
        model, task = trained
        expected = evaluate(model, task, task.validation).validation_nll_nats
        monkeypatch.setattr(evaluation, "_BATCH_SIZE", batch_size)
        assert evaluate(model, task, task.validation).validation_nll_nats == pytest.approx(expected, rel=1e-6)

    @pytest.mark.parametrize("training", [True, False])
    def test_the_models_mode_is_put_back_and_dropout_is_off(self, trained, training):
        model, task = trained
        one = evaluate(model.eval(), task, task.validation)
        other = evaluate(model.train(training), task, task.validation)
        assert model.training is training
        assert other == one

    def test_no_sample_is_kept_unless_asked_for(self, trained):
        model, task = trained
        assert evaluate(model, task, task.validation).samples == ()


@pytest.mark.parametrize("settings", [{}, {"beam_width": 4, "length_penalty": 0.0}, {"beam_width": 4}], ids=str)
def test_a_run_decodes_as_its_training_section_says(settings):
    run = run_of(PATHS["mle"], training=TRAINING.model_copy(update=settings))
    scores = run.advance(num_samples=8).scores
    model, task = fresh_model(toy(), torch.Generator()), toy()
    model.load_state_dict(weights(run))
    assert scores == evaluate(model, task, task.validation, num_samples=8, **settings)


@pytest.mark.parametrize(("limit", "num_pairs"), [(3, 3), (8, 8), (100, 8), (None, 8)])
def test_a_run_evaluates_on_the_first_validation_pairs_up_to_its_limit(limit, num_pairs):
    run = run_of(PATHS["mle"], training=TRAINING.model_copy(update={"validation_limit": limit}))
    scores = run.advance(num_samples=8).scores
    references = toy().validation.references[:num_pairs]
    assert tuple(sample.reference for sample in scores.samples) == references
    assert scores.score == score_texts("bleu", [sample.hypothesis for sample in scores.samples], references)["score"]
