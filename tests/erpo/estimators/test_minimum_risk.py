import itertools

import pytest
import torch

from erpo_explore.erpo.estimators.minimum_risk import first_occurrences, minimum_risk_loss
from tests.erpo.tiny import EOS, A, B, C, seeded

REWARD_BK = torch.tensor([[1.0, 3.0, 2.0], [0.5, -0.5, 4.0]])
ALL_BK = torch.ones(2, 3, dtype=torch.bool)


def some_log_p():
    return (-5.0 * torch.rand(2, 3, generator=seeded(2))).requires_grad_()


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


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_only_the_first_of_equal_targets_is_marked(order):
    targets = [[A, B, EOS], [A, EOS, 0], [A, B, EOS], [A, B, C]]
    rows = [targets[place] for place in order]
    other = [[C, EOS, 0]] * 4
    expected = [row not in rows[:k] for k, row in enumerate(rows)]
    assert first_occurrences(torch.tensor([rows, other])).tolist() == [expected, [True, False, False, False]]
