import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.erpo.m_step import (
    allowed_probabilities,
    cross_entropy,
    first_of_its_kind,
    label_losses,
    minimum_risk_loss,
    target_policy_loss,
)

from .tiny import EOS, NUM_TOKENS, SYMBOLS, A, B, C, seeded

LABELS_N = torch.tensor([A, EOS, C, B, A])
NEVER = torch.tensor(SYMBOLS.never_drawn)
REWARD_BK = torch.tensor([[1.0, 3.0, 2.0], [0.5, -0.5, 4.0]])
ALL_BK = torch.ones(2, 3, dtype=torch.bool)


def some_logits():
    return torch.randn(5, NUM_TOKENS, generator=seeded(1)).requires_grad_()


def some_log_p():
    return (-5.0 * torch.rand(2, 3, generator=seeded(2))).requires_grad_()


class TestCrossEntropy:
    def test_it_is_torchs_bit_for_bit_of_a_padded_batch(self):
        # padded rows with ignore_index are how torch's own is used; here the kept labels are picked beforehand
        padded_NV = torch.cat([some_logits().detach(), torch.ones(2, NUM_TOKENS)]).requires_grad_()
        padded_N = torch.cat([LABELS_N, torch.tensor([SYMBOLS.pad] * 2)])
        ours = some_logits()
        loss = cross_entropy(ours, LABELS_N)
        expected = torch.nn.functional.cross_entropy(padded_NV, padded_N, ignore_index=SYMBOLS.pad)
        assert torch.equal(loss, expected)
        ours_NV, theirs_NV = torch.autograd.grad(loss + expected, [ours, padded_NV])
        assert torch.equal(ours_NV, theirs_NV[:5])

    def test_it_is_the_mean_of_minus_log_p(self):
        log_p_NV = some_logits().double().log_softmax(-1)
        expected = -sum(log_p_NV[n, label] for n, label in enumerate(LABELS_N.tolist())) / 5.0
        torch.testing.assert_close(cross_entropy(some_logits(), LABELS_N).double(), expected)

    def test_of_each_label_it_has_the_same_mean(self):
        losses_N = label_losses(some_logits(), LABELS_N)
        torch.testing.assert_close(losses_N.mean(), cross_entropy(some_logits(), LABELS_N))
        log_p_NV = some_logits().log_softmax(-1)
        torch.testing.assert_close(losses_N, -log_p_NV.gather(1, LABELS_N[:, None])[:, 0])


class TestAllowedLabelLosses:
    def expected(self, logits_NV):
        """Over what a target may hold, by a softmax that has nothing else."""
        masked_NV = logits_NV.double().index_fill(1, NEVER, -torch.inf)
        return -masked_NV.log_softmax(-1).gather(1, LABELS_N[:, None])[:, 0]

    @pytest.mark.parametrize("loudness", [-50.0, 0.0, 3.0, 6.0])
    def test_loss_and_gradient_are_those_of_the_masked_softmax(self, loudness):
        ours, theirs = ((some_logits() + loudness * torch.eye(NUM_TOKENS)[NEVER].sum(0)).detach() for _ in range(2))
        ours, theirs = ours.requires_grad_(), theirs.requires_grad_()
        losses_N, expected_N = label_losses(ours, LABELS_N, SYMBOLS.never_drawn), self.expected(theirs)
        # the share of what is forbidden is up to 0.999, and what is left of 1 loses as many digits
        torch.testing.assert_close(losses_N.double(), expected_N, rtol=1e-3, atol=1e-4)
        (found_NV,) = torch.autograd.grad(losses_N.sum(), ours)
        torch.testing.assert_close(found_NV, torch.autograd.grad(expected_N.sum(), theirs)[0], rtol=1e-2, atol=1e-3)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    @pytest.mark.parametrize("loudness", [-50.0, 0.0, 3.0, 6.0])
    def test_probabilities_are_told_from_the_losses_over_the_whole_vocabulary(self, loudness, dtype):
        logits_NV = (some_logits().detach() + loudness * torch.eye(NUM_TOKENS)[NEVER].sum(0)).to(dtype)
        p_N = allowed_probabilities(label_losses(logits_NV, LABELS_N), logits_NV, LABELS_N, SYMBOLS.never_drawn)
        torch.testing.assert_close(p_N.double(), (-self.expected(logits_NV)).exp(), rtol=1e-3, atol=1e-4)

    @given(st.lists(st.floats(-60.0, 60.0, width=32), min_size=NUM_TOKENS, max_size=NUM_TOKENS))
    def test_it_is_never_without_a_value(self, logits):
        logits_NV = torch.tensor([logits] * 5).requires_grad_()
        losses_N = label_losses(logits_NV, LABELS_N, SYMBOLS.never_drawn)
        assert losses_N.isfinite().all()
        assert torch.autograd.grad(losses_N.sum(), logits_NV)[0].isfinite().all()

    def test_half_precision_logits_lose_no_more_than_they_have(self):
        half_NV = some_logits().detach().bfloat16()
        losses_N = label_losses(half_NV, LABELS_N, SYMBOLS.never_drawn)
        torch.testing.assert_close(losses_N.double(), self.expected(half_NV), rtol=0.0, atol=0.02)


class TestMinimumRisk:
    @pytest.mark.parametrize("sharpness", [0.005, 0.3, 1.0, 4.0])
    def test_it_is_minus_the_expected_reward_among_the_draws(self, sharpness):
        weight_BK = some_log_p().detach().exp() ** sharpness
        share_BK = weight_BK / weight_BK.sum(1, keepdim=True)
        loss = minimum_risk_loss(some_log_p(), REWARD_BK, ALL_BK, sharpness)
        torch.testing.assert_close(loss, -(share_BK * REWARD_BK).sum() / 2.0)

    @pytest.mark.parametrize("sharpness", [0.005, 1.0, 4.0])
    def test_its_gradient_is_that_of_a_policy_gradient_with_a_baseline(self, sharpness):
        log_p_BK = some_log_p()
        share_BK = (sharpness * log_p_BK.detach()).softmax(1)
        baseline_B1 = (share_BK * REWARD_BK).sum(1, keepdim=True)
        expected_BK = -sharpness * share_BK * (REWARD_BK - baseline_B1) / 2.0
        loss = minimum_risk_loss(log_p_BK, REWARD_BK, ALL_BK, sharpness)
        torch.testing.assert_close(torch.autograd.grad(loss, log_p_BK)[0], expected_BK, rtol=1e-4, atol=1e-7)

    def test_a_repeated_draw_counts_once(self):
        distinct_BK = torch.tensor([[True, False, True], [True, True, False]])
        log_p_BK = some_log_p()
        loss = minimum_risk_loss(log_p_BK, REWARD_BK, distinct_BK, 1.0)
        rows = [
            minimum_risk_loss(log_p_BK[b : b + 1, kept], REWARD_BK[b : b + 1, kept], ALL_BK[:1, :2], 1.0)
            for b, kept in enumerate([[0, 2], [0, 1]])
        ]
        torch.testing.assert_close(loss, sum(rows) / 2.0)
        assert not torch.autograd.grad(loss, log_p_BK)[0][~distinct_BK].any()


class TestTargetPolicy:
    TARGET_BK = torch.tensor([[0.2, 0.5, 0.3], [0.0, 1.0, 0.0]])

    def test_it_is_the_cross_entropy_of_the_draws_softmax(self):
        p_BK = some_log_p().detach().exp()
        p_BK = p_BK / p_BK.sum(1, keepdim=True)
        loss = target_policy_loss(some_log_p(), self.TARGET_BK)
        torch.testing.assert_close(loss, -(self.TARGET_BK * p_BK.log()).sum() / 2.0)

    def test_its_gradient_is_the_gap_between_model_and_target(self):
        log_p_BK = some_log_p()
        (found_BK,) = torch.autograd.grad(target_policy_loss(log_p_BK, self.TARGET_BK), log_p_BK)
        torch.testing.assert_close(found_BK, (log_p_BK.detach().softmax(1) - self.TARGET_BK) / 2.0)

    def test_at_the_target_nothing_is_learned(self):
        log_p_BK = (self.TARGET_BK + 1e-12).log().requires_grad_()
        (found_BK,) = torch.autograd.grad(target_policy_loss(log_p_BK, self.TARGET_BK), log_p_BK)
        torch.testing.assert_close(found_BK, torch.zeros(2, 3))


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_the_first_of_equal_targets_stands_for_all(order):
    targets = [[A, B, EOS], [A, EOS, 0], [A, B, EOS], [A, B, C]]
    rows = [targets[place] for place in order]
    other = [[C, EOS, 0]] * 4
    expected = [row not in rows[:k] for k, row in enumerate(rows)]
    assert first_of_its_kind(torch.tensor([rows, other])).tolist() == [expected, [True, False, False, False]]
