import math
from dataclasses import replace

import pytest
import torch

from erpo_explore.metrics import load_scorer
from erpo_explore.seq2seq import beam_search, greedy
from erpo_explore.tasks import collate
from erpo_explore.trial import evaluate, evaluation

from .tiny import PATHS, TRAINING, fresh_model, run_of, toy, weights


@pytest.fixture(scope="module", params=["bleu", "rouge"])
def trained(request):
    """A model that has trained on a few batches, and its task."""
    run, task = run_of(PATHS["mle"], metric=request.param), toy(request.param)
    run.advance()
    model = fresh_model(task, torch.Generator())
    model.load_state_dict(weights(run))
    return model, task


class TestEvaluate:
    def test_the_samples_are_the_decodings_of_each_source_alone(self, trained):
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
    def test_with_a_beam_they_are_the_outputs_of_beam_search(self, trained, length_penalty):
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

    @pytest.mark.parametrize("beam_width", [1, 3])
    @pytest.mark.parametrize("max_tokens", [1, 3, 20])
    def test_lengths_and_cuts_are_those_of_each_decoding_alone(self, trained, max_tokens, beam_width):
        model, task = trained
        scores = evaluate(model, task, task.validation, max_tokens=max_tokens, beam_width=beam_width)
        num_tokens, num_cut = 0, 0
        for index in range(len(task.validation)):
            batch = collate(task.validation, [index], task.symbols)
            with torch.no_grad():
                memory = model.eval().encode(batch.source_BS, batch.source_keep_BS)
            tokens = beam_search(model, memory, task.symbols, max_tokens, width=beam_width)[0].tolist()
            ended = task.symbols.eos in tokens
            num_tokens += tokens.index(task.symbols.eos) if ended else len(tokens)
            num_cut += not ended
        assert scores.length_ratio == num_tokens / sum(map(len, task.validation.target_ids))
        assert scores.cut_hypotheses == num_cut / len(task.validation)

    def test_the_score_is_computed_from_the_decoded_texts(self, trained):
        model, task = trained
        scores = evaluate(model, task, task.validation, num_samples=8)
        hypotheses = [sample.hypothesis for sample in scores.samples]
        expected = load_scorer(task.metric).corpus(hypotheses, task.validation.references)
        assert (scores.score, scores.signature, scores.statistics) == (
            expected.value,
            expected.signature,
            expected.statistics,
        )
        assert {name: getattr(scores, name) for name in expected.parts} == expected.parts
        assert 0.0 < scores.score < 100.0
        assert [sample.sentence_score for sample in scores.samples] == load_scorer(task.metric).sentences(
            hypotheses, task.validation.references
        )

    def test_further_metrics_are_computed_from_the_same_texts(self, trained):
        model, task = trained
        further = replace(task, also=("chrf", "ter"))
        scores = evaluate(model, further, task.validation, num_samples=8)
        hypotheses = [sample.hypothesis for sample in scores.samples]
        scorers = [load_scorer(metric) for metric in (task.metric, "chrf", "ter")]
        expected = [scorer.corpus(hypotheses, task.validation.references) for scorer in scorers]
        assert [(each.metric, each.higher_is_better) for each in scores.measures] == [
            (scorer.name, scorer.higher_is_better) for scorer in scorers
        ]
        assert [(each.score, each.signature) for each in scores.measures] == [
            (each.value, each.signature) for each in expected
        ]
        assert (scores.score, scores.signature) == (scores.measures[0].score, scores.measures[0].signature)

    def test_only_the_tasks_metric_is_filled(self, trained):
        model, task = trained
        scores = evaluate(model, task, task.validation)
        rouges = (scores.rouge1, scores.rouge2, scores.rougel)
        assert (scores.bleu is None) == (task.score_name == "rouge")
        assert (rouges == (None, None, None)) == (task.score_name == "bleu")

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
    def test_the_models_mode_is_restored_and_dropout_is_off(self, trained, training):
        model, task = trained
        one = evaluate(model.eval(), task, task.validation)
        other = evaluate(model.train(training), task, task.validation)
        assert model.training is training
        assert other == one

    def test_no_sample_is_kept_by_default(self, trained):
        model, task = trained
        assert evaluate(model, task, task.validation).samples == ()


@pytest.mark.parametrize("settings", [{}, {"beam_width": 4, "length_penalty": 0.0}, {"beam_width": 4}], ids=str)
def test_a_run_decodes_with_the_settings_of_its_training_section(settings):
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
    assert (
        scores.score == load_scorer("bleu").corpus([sample.hypothesis for sample in scores.samples], references).value
    )
