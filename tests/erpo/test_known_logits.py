"""The loss reuses the sampler's logits, and nothing else changes."""

import dataclasses

import pytest
import torch

from erpo_explore.erpo import e_step, step_loss
from erpo_explore.erpo.label_losses import label_losses, projected_label_losses
from erpo_explore.seq2seq import LstmConfig, build_model
from erpo_explore.seq2seq.lstm import LstmSeq2Seq
from erpo_explore.space import Estimator

from .tiny import (
    NUM_TOKENS,
    PAD,
    POINTS,
    POLICY_GRADIENT,
    SYMBOLS,
    gradient,
    reference_of,
    reward_of,
    seeded,
    source_of,
)

SPG = POINTS["spg_bleu"]
ALIKE = {
    "spg": SPG,
    "halfway": POINTS["halfway_rouge"],
    "all_at_once": POINTS["all_at_once"],
    "policy_gradient": POLICY_GRADIENT,
    "rloo": dataclasses.replace(POLICY_GRADIENT, estimator=Estimator(samples=3, baseline="leave_one_out")),
    "minimum_risk": dataclasses.replace(POLICY_GRADIENT, estimator=Estimator(kind="minimum_risk", samples=3)),
    "target_policy": dataclasses.replace(SPG, estimator=Estimator(kind="target_policy", samples=3, baseline="none")),
    "sequence": dataclasses.replace(SPG, estimator=Estimator(kind="sequence", samples=3)),
}
"""Points whose targets are drawn from the model's logits at every step."""


def outcome(point, *, training=True):
    """One step of a model with dropout, with fixed seeds."""
    model = build_model(LstmConfig(hidden_size=8, dropout=0.3), NUM_TOKENS, NUM_TOKENS, pad=PAD, generator=seeded(5))
    model.train(training)
    reference = reference_of(copies=16)
    step = step_loss(point, reward_of(point), model, *source_of(16), reference, seeded(1))
    return step, gradient(step.loss, model)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("point", ALIKE.values(), ids=ALIKE)
def test_a_step_is_the_same_with_and_without_known_logits(point, training, monkeypatch):
    known, known_P = outcome(point, training=training)
    monkeypatch.setattr(e_step, "_has_same_logits", lambda *_: False)
    anew, anew_P = outcome(point, training=training)
    torch.testing.assert_close(known.loss, anew.loss)
    torch.testing.assert_close(known_P, anew_P, rtol=1e-4, atol=1e-6)
    assert known_P.abs().sum() > 0.0
    assert (known.num_tokens, known.mean_reward) == (anew.num_tokens, anew.mean_reward)


def num_projected(monkeypatch, point):
    """Number of rows that a step projects onto the vocabulary, and its number of labels."""
    rows, project = [], LstmSeq2Seq.project

    def counting(model, features_XH):
        rows.append(features_XH[..., 0].numel())
        return project(model, features_XH)

    monkeypatch.setattr(LstmSeq2Seq, "project", counting)
    step, _ = outcome(point)
    return sum(rows), step.num_tokens


@pytest.mark.parametrize("name", ["spg", "sequence", "target_policy", "rloo"])
def test_each_label_is_projected_once(name, monkeypatch):
    projected, num_labels = num_projected(monkeypatch, ALIKE[name])
    assert projected == num_labels


@pytest.mark.parametrize(
    "point",
    [POINTS["interpolation"], dataclasses.replace(SPG, label="expected"), dataclasses.replace(SPG, prefix="truth")],
    ids=["a mixture asks for few", "an expected label is dense", "labels along the truth are not what is read"],
)
def test_where_logits_differ_each_label_is_projected_for_the_loss(point, monkeypatch):
    projected, num_labels = num_projected(monkeypatch, point)
    assert projected >= num_labels + 1


@pytest.mark.parametrize("forbidden", [(), SYMBOLS.never_drawn])
def test_the_loss_from_known_logits_has_the_gradient_of_the_projection(forbidden):
    labels_N = torch.tensor([4, 5, 2, 6])
    leaves = [
        torch.randn(shape, generator=seeded(3)).requires_grad_() for shape in ((4, 8), (NUM_TOKENS, 8), (NUM_TOKENS,))
    ]
    features_NH, weight_VH, bias_V = leaves
    logits_NV = torch.nn.functional.linear(features_NH, weight_VH, bias_V)
    counts_N = torch.tensor([1.0, -2.0, 0.5, 0.0])
    known_N = projected_label_losses(features_NH, (weight_VH, bias_V), logits_NV.detach().clone(), labels_N, forbidden)
    anew_N = label_losses(logits_NV, labels_N, forbidden)
    torch.testing.assert_close(known_N, anew_N)
    found = torch.autograd.grad((counts_N * known_N).sum(), leaves)
    expected = torch.autograd.grad((counts_N * anew_N).sum(), leaves)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)
