import dataclasses
import itertools

import pytest
import torch

from erpo_explore.erpo import Draw, draw_targets, enumerate_targets
from erpo_explore.erpo.e_step import allowed_log_p, shifted, truth
from erpo_explore.erpo.m_step import cross_entropy, policy_gradient_loss
from erpo_explore.space import Point, Reward

from .tiny import (
    EOS,
    MAX_TOKENS,
    NUM_TOKENS,
    PAD,
    POINTS,
    SYMBOLS,
    A,
    B,
    C,
    gradient,
    memory_of,
    reference_of,
    reward_of,
    seeded,
    sequence_log_p,
    tiny_model,
)

REFERENCE = dataclasses.replace(
    reference_of(),
    tokens_BT=(TOKENS_BT := torch.tensor([[A, B, EOS, PAD], [C, EOS, PAD, PAD], [B, B, A, EOS]])),
    keep_BT=TOKENS_BT != PAD,
)


def some_logits(T=4):
    return torch.randn(3, T, NUM_TOKENS, generator=seeded(1)).requires_grad_()


def along_truth(point, model, words=(A, B)):
    reference = reference_of(words)
    return draw_targets(
        dataclasses.replace(point, prefix="truth"),
        reward_of(point),
        model,
        memory_of(model),
        reference,
        max_tokens=MAX_TOKENS,
        generator=seeded(1),
    )


class TestCrossEntropy:
    def test_on_the_truth_it_is_torchs_bit_for_bit(self):
        ours, torchs = some_logits(), some_logits()
        loss = cross_entropy(ours, truth(REFERENCE))
        expected = torch.nn.functional.cross_entropy(torchs.flatten(0, 1), TOKENS_BT.flatten(), ignore_index=PAD)
        assert torch.equal(loss, expected)
        assert torch.equal(*torch.autograd.grad(loss + expected, [ours, torchs]))

    def test_it_is_a_mean_over_the_kept_labels(self):
        log_p_BTV = some_logits().log_softmax(-1)
        total = sum(log_p_BTV[b, t, TOKENS_BT[b, t]] for b, t in REFERENCE.keep_BT.nonzero().tolist())
        torch.testing.assert_close(cross_entropy(some_logits(), truth(REFERENCE)), -total / 9)

    def test_the_expected_label_is_a_mean_over_q(self):
        log_q_BTV = torch.randn(3, 4, NUM_TOKENS, generator=seeded(2)).log_softmax(-1)
        draw = dataclasses.replace(truth(REFERENCE), log_q_BTV=log_q_BTV)
        per_label_BT = (log_q_BTV.exp() * some_logits().log_softmax(-1)).sum(-1)
        expected = -per_label_BT[REFERENCE.keep_BT].mean()
        torch.testing.assert_close(cross_entropy(some_logits(), draw), expected)

    def test_a_certain_expected_label_is_a_label(self):
        log_q_BTV = torch.nn.functional.one_hot(TOKENS_BT, NUM_TOKENS).float().log()
        draw = dataclasses.replace(truth(REFERENCE), log_q_BTV=log_q_BTV)
        torch.testing.assert_close(cross_entropy(some_logits(), draw), cross_entropy(some_logits(), truth(REFERENCE)))

    def test_what_q_forbids_leaves_loss_and_gradient_finite(self):
        logits_BTV = some_logits()
        log_q_BTV = torch.full((3, 4, NUM_TOKENS), -torch.inf)
        log_q_BTV[..., [A, EOS]] = torch.tensor(0.5).log()
        loss = cross_entropy(logits_BTV, dataclasses.replace(truth(REFERENCE), log_q_BTV=log_q_BTV))
        assert loss.isfinite()
        assert torch.autograd.grad(loss, logits_BTV)[0].isfinite().all()

    @pytest.mark.parametrize("name", POINTS)
    def test_the_mean_over_all_labels_is_the_expected_label(self, name):
        point, model = POINTS[name], tiny_model()
        expected = along_truth(dataclasses.replace(point, label="expected"), model)
        sampled = along_truth(point, model)
        logits_BTV = model.decode(memory_of(model), sampled.inputs_BT)
        losses = torch.zeros(())
        for labels in itertools.product((A, B, C, EOS), repeat=3):
            labels_BT = torch.tensor([labels])
            q = expected.log_q_BTV.gather(2, labels_BT[..., None]).sum().exp()
            losses = losses + q * cross_entropy(logits_BTV, dataclasses.replace(sampled, labels_BT=labels_BT))
        loss = cross_entropy(logits_BTV, expected)
        torch.testing.assert_close(losses, loss)
        (gradient_BTV,) = torch.autograd.grad(losses, logits_BTV, retain_graph=True)
        torch.testing.assert_close(gradient_BTV, torch.autograd.grad(loss, logits_BTV)[0])

    def test_label_smoothing_is_its_smallest_case(self):
        point = Point(reward=Reward(truth=0.9, noise=0.1), prefix="truth", label="expected")
        uniform_V = torch.full((NUM_TOKENS,), 1.0 / NUM_TOKENS)
        model = tiny_model()
        draw = draw_targets(
            point,
            type(reward_of(point))(point.reward, uniform_V),
            model,
            memory_of(model),
            reference_of(),
            max_tokens=MAX_TOKENS,
            generator=seeded(1),
        )
        logits_BTV = model.decode(memory_of(model), draw.inputs_RT)
        expected = torch.nn.functional.cross_entropy(logits_BTV[0], draw.labels_RT[0], label_smoothing=0.1)
        torch.testing.assert_close(cross_entropy(logits_BTV, draw), expected)


class TestPolicyGradient:
    POINT = dataclasses.replace(POINTS["raml_bleu"], alpha=1.0)

    def enumerated(self, model):
        found = enumerate_targets(
            self.POINT, reward_of(self.POINT), model, memory_of(model), reference_of(), MAX_TOKENS
        )
        draw = Draw(inputs_RT=shifted(found.tokens_NL, SYMBOLS), labels_BT=found.tokens_NL, keep_BT=found.keep_NL)
        return found, draw

    @pytest.mark.parametrize("baseline", [0.0, 0.4, 5.0])
    def test_its_expectation_is_the_gradient_of_the_expected_reward_whatever_the_baseline(self, baseline):
        model = tiny_model()
        found, draw = self.enumerated(model)
        p_N = sequence_log_p(model, found.tokens_NL, found.keep_NL, allowed=True).exp()
        expected_reward = (p_N * found.reward_N).sum()
        exact_P = gradient(expected_reward, model)
        log_p_NLV = allowed_log_p(model.decode(memory_of(model, len(p_N)), draw.inputs_RT), SYMBOLS)
        advantage_N = p_N.detach() * (found.reward_N - baseline)
        loss = policy_gradient_loss(log_p_NLV, draw, advantage_N) * draw.keep_RT.sum()
        assert exact_P.norm() > 0.01
        torch.testing.assert_close(-gradient(loss, model), exact_P, rtol=1e-3, atol=2e-5)

    def test_without_an_advantage_nothing_is_learned(self):
        model = tiny_model()
        found, draw = self.enumerated(model)
        logits_NLV = model.decode(memory_of(model, len(found.reward_N)), draw.inputs_RT)
        loss = policy_gradient_loss(logits_NLV, draw, torch.zeros_like(found.reward_N))
        assert not gradient(loss, model).any()

    def test_what_stands_behind_the_end_is_not_learned(self):
        logits_BTV = some_logits()
        draw = truth(REFERENCE)
        loss = policy_gradient_loss(logits_BTV, draw, torch.tensor([1.0, -1.0, 0.5]))
        (gradient_BTV,) = torch.autograd.grad(loss, logits_BTV)
        assert not gradient_BTV[~REFERENCE.keep_BT].any()
        assert gradient_BTV[REFERENCE.keep_BT].isfinite().all()
