import pytest
import torch

from erpo_explore.erpo.estimators.target_policy import target_policy, target_policy_loss
from tests.erpo.tiny import seeded

REWARD_BK = torch.tensor([[1.0, 3.0, 2.0], [0.5, -0.5, 4.0]])


def some_log_p():
    return (-5.0 * torch.rand(2, 3, generator=seeded(2))).requires_grad_()


class TestLoss:
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

    def test_at_the_target_the_gradient_is_zero(self):
        log_p_BK = (self.TARGET_BK + 1e-12).log().requires_grad_()
        (found_BK,) = torch.autograd.grad(target_policy_loss(log_p_BK, self.TARGET_BK), log_p_BK)
        torch.testing.assert_close(found_BK, torch.zeros(2, 3))


class TestTarget:
    SCORE_BK = torch.tensor([[1.0, 3.0, 2.0, 6.0], [0.5, -0.5, 0.0, 4.0]])

    @pytest.mark.parametrize("rho", [0.0, 0.3, 1.0])
    def test_it_is_the_model_times_the_exponential_of_the_score_among_the_draws(self, rho):
        log_p_BK = torch.tensor([[-1.0, -2.0, -3.0, -0.5], [-90.0, -91.0, -90.0, -95.0]])
        weight_BK = log_p_BK.double().exp() ** rho * self.SCORE_BK.double().exp()
        expected_BK = weight_BK / weight_BK.sum(1, keepdim=True)
        torch.testing.assert_close(target_policy(log_p_BK, self.SCORE_BK, rho).double(), expected_BK)
