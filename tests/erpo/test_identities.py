"""Exact identities of named algorithms: the objective that each one maximises, and those that it does not."""

import dataclasses
import math

import pytest
import torch

from erpo_explore.erpo import exact_gradient
from erpo_explore.erpo.estimators.minimum_risk import minimum_risk_loss
from erpo_explore.erpo.estimators.target_policy import target_policy, target_policy_loss
from erpo_explore.space import algorithm
from erpo_explore.space.estimator import Estimator

from .expected import enumeration, estimates, exact_loss, mixed, risk_pairs, source_loss, step, task, weighted
from .prefix_tree import TRUTH, grouped_loss
from .tiny import SYMBOLS, WORDS, gradient, memory_of, seeded, sequence_log_p, source_of, tiny_model, z_scores

FREE = task(math.inf, 0.0)
SPG = task(1.0, 0.0, "bleu", 0.25)
CONSTANT = {
    "policy gradient": task(math.inf, 0.0, "constant", estimator=Estimator(baseline="none")),
    "spg": task(1.0, 0.0, "constant"),
}


RISK = task(math.inf, 0.0, "edit", estimator=weighted("minimum_risk"))
GROUP = task(math.inf, 0.0, estimator=Estimator(samples=2, baseline="group"))
TOKEN_POINTS = {
    "edit": task(0.0, 3.0, "edit"),
    "halfway": task(0.5, 0.5, "rouge", 0.3),
    "all": mixed(truth=0.3, noise=0.2, task=0.3, model=0.2, metric="edit"),
}


@pytest.fixture(scope="module")
def model():
    return tiny_model()


def flat(gradients):
    return torch.cat([value.flatten() for value in gradients.values()])


def test_maximum_likelihood_equals_torchs_cross_entropy_bit_for_bit(model):
    outcome = step(algorithm("mle").path("bleu").end, model, copies=2)
    inputs_BT = torch.tensor([[SYMBOLS.bos, *WORDS]] * 2)
    logits_BTV = model.decode(model.encode(*source_of(2)), inputs_BT)
    expected = torch.nn.functional.cross_entropy(logits_BTV.flatten(0, 1), torch.tensor([*TRUTH] * 2))
    assert torch.equal(outcome.loss, expected)
    assert torch.equal(gradient(outcome.loss, model), gradient(expected, model))


@pytest.mark.parametrize("name", ["edit", "halfway", "all"])
def test_an_expected_label_along_the_truth_has_no_variance(name, model):
    point = dataclasses.replace(TOKEN_POINTS[name], prefix="truth", label="expected")
    loss = source_loss(step(point, model, copies=1), copies=1)
    exact = exact_loss(point, model)
    assert loss.item() == pytest.approx(exact.item(), rel=1e-5)
    torch.testing.assert_close(gradient(loss, model), gradient(exact, model), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", ["edit", "halfway", "all"])
def test_expected_labels_vary_less_than_sampled_ones(name, model):
    def variance(label):
        _, gradients_KP = estimates(dataclasses.replace(TOKEN_POINTS[name], label=label), model)
        return float(gradients_KP.var(0).sum())

    assert variance("expected") < 0.7 * variance("sampled")


@pytest.mark.parametrize("metric", ["bleu", "edit"])
def test_minimum_risk_over_all_targets_equals_the_oracle(metric, model):
    exact = enumeration(task(math.inf, 0.0, metric), model)
    log_p_N = sequence_log_p(model, exact.tokens_NL, exact.keep_NL, allowed=True)
    for sharpness in (0.005, 0.5, 1.0):
        every_1N = torch.ones(1, len(log_p_N)) > 0
        loss = minimum_risk_loss(log_p_N[None], exact.reward_N[None], every_1N, sharpness)
        found = exact_gradient("risk", exact, model, memory_of(model), sharpness=sharpness)
        torch.testing.assert_close(-gradient(loss, model), flat(found), rtol=1e-3, atol=1e-6)


def test_target_policys_gradient_by_log_p_is_the_gap_to_its_target(model):
    log_p_BK = torch.randn(3, 4, generator=seeded(1)).requires_grad_()
    target_BK = torch.randn(3, 4, generator=seeded(2)).softmax(1)
    (found_BK,) = torch.autograd.grad(3.0 * target_policy_loss(log_p_BK, target_BK), log_p_BK)
    torch.testing.assert_close(found_BK, log_p_BK.softmax(1).detach() - target_BK)


def test_target_policy_over_all_targets_is_the_sequence_level_m_step(model):
    """With the whole enumeration as draws, the target is q and p̂ is p, since Σ p = 1."""
    exact = enumeration(SPG, model)
    every = exact.finished_N
    log_p_N = sequence_log_p(model, exact.tokens_NL, exact.keep_NL, allowed=True)[every]
    target_1N = target_policy(log_p_N.detach()[None], exact.reward_N[every][None] / SPG.tau, SPG.rho)
    torch.testing.assert_close(target_1N[0], exact.log_q_N[every].exp())
    (found_N,) = torch.autograd.grad(target_policy_loss(log_p_N[None], target_1N), log_p_N)
    torch.testing.assert_close(found_N, log_p_N.detach().softmax(0) - exact.log_q_N[every].exp())


class TestRisk:
    """Some usual approximations do not lower the risk (Choshen et al. 2020, section 2.3): their mean step, exactly."""

    def test_minimum_risk_over_few_draws_may_lower_the_reward(self):
        # θ are the log-odds of three targets; at unequal p the softmax over the draws weights pairs unequally
        logits_N, reward_N = torch.tensor([0.4, 0.2, 0.4]).log(), torch.tensor([1.0, 0.0, 0.4])
        theta = torch.zeros((), requires_grad=True)
        log_p_N = (logits_N + theta * torch.tensor([1.0, 1.62, 0.0])).log_softmax(0)
        risk = -(log_p_N.exp() * reward_N).sum()
        (uphill,) = torch.autograd.grad(-risk, theta, retain_graph=True)
        surrogate = grouped_loss(log_p_N.exp(), 2, risk_pairs(RISK, log_p_N, reward_N))
        (mean_step,) = torch.autograd.grad(-surrogate, theta)
        assert uphill < -0.005
        assert mean_step > 0.002

    def test_its_mean_step_is_not_the_gradient_of_the_risk(self, model):
        point = RISK
        mean_P, risk_P = -gradient(exact_loss(point, model), model), self.uphill(point, model)
        assert torch.nn.functional.cosine_similarity(mean_P, risk_P, dim=0) < 0.95

    def test_with_little_sharpness_two_draws_give_the_policy_gradient(self, model):
        """Q → 1/K + a (log p_k − mean) / K, so the mean step of distinct draws is a (K − 1) / K ∇E[R]."""
        point = dataclasses.replace(RISK, estimator=weighted("minimum_risk", sharpness=1e-3))
        mean_P, risk_P = -gradient(exact_loss(point, model), model), self.uphill(point, model)
        torch.testing.assert_close(mean_P / (1e-3 / 2.0), risk_P, rtol=1e-2, atol=1e-3)

    def test_over_all_targets_little_sharpness_gives_another_risk(self, model):
        exact = enumeration(FREE, model)
        blunt_P = flat(exact_gradient("risk", exact, model, memory_of(model), sharpness=0.005))
        assert torch.nn.functional.cosine_similarity(self.uphill(FREE, model), blunt_P, dim=0) < 0.1

    def test_two_standardised_draws_raise_the_odds_of_the_better_one(self, model):
        point = GROUP
        exact = enumeration(point, model)
        p_N = sequence_log_p(model, exact.tokens_NL, exact.keep_NL, allowed=True).exp()
        gap_NN = exact.reward_N[:, None] - exact.reward_N
        wins_N = torch.where(gap_NN.abs() < 1e-6, 0.0, gap_NN.sign()) @ p_N.detach()
        mean_P = -gradient(exact_loss(point, model), model)
        torch.testing.assert_close(mean_P, gradient((p_N * wins_N).sum(), model), rtol=1e-3, atol=1e-5)
        assert torch.nn.functional.cosine_similarity(mean_P, self.uphill(point, model), dim=0) < 0.999

    def uphill(self, point, model):
        return flat(exact_gradient("reward", enumeration(point, model), model, memory_of(model)))


class TestLogarithmOfTheReward:
    """R → log R with α = 1, β = 0: q ∝ p · R, and E_q[∇ log p] = ∇ E_p[R] / E_p[R]."""

    POINT = task(1.0, 0.0, "tests.erpo.tiny:log_of_bleu", estimator=weighted("sequence"))

    def test_the_sequence_level_m_step_is_the_policy_gradient_up_to_scale(self, model):
        exact = enumeration(self.POINT, model)
        log_p_N = sequence_log_p(model, exact.tokens_NL, exact.keep_NL, allowed=True)
        bleu_N = enumeration(FREE, model).reward_N.masked_fill(~exact.finished_N, 0.0)
        expected_reward = (log_p_N.exp() * bleu_N).sum()
        assert expected_reward.item() > 0.05
        held_N = exact.log_q_N > -torch.inf
        m_step = (exact.log_q_N[held_N].exp() * log_p_N[held_N]).sum()
        torch.testing.assert_close(
            gradient(m_step, model), gradient(expected_reward, model) / expected_reward.item(), rtol=1e-3, atol=1e-5
        )

    def test_it_agrees_with_the_limit_of_large_alpha(self, model):
        finished_N = enumeration(FREE, model).finished_N
        far = enumeration(task(1e3, 0.0), model)
        near = enumeration(self.POINT, model)
        log_p_n = sequence_log_p(model, near.tokens_NL, near.keep_NL, allowed=True)[finished_N].log_softmax(0)
        steps = []
        for exact in (near, far):
            q_n = exact.log_q_N[finished_N].double().exp()
            steps.append(gradient((q_n * log_p_n.double()).sum(), model))
        assert torch.nn.functional.cosine_similarity(*steps, dim=0) > 0.999

    def test_a_training_step_estimates_it(self, model):
        point = dataclasses.replace(self.POINT, estimator=weighted("sequence", samples=256))
        exact = enumeration(point, model)
        found_P = -gradient(source_loss(step(point, model, copies=64), copies=64), model)
        exact_P = flat(exact_gradient("sequence", exact, model, memory_of(model)))
        assert torch.nn.functional.cosine_similarity(found_P, exact_P, dim=0) > 0.99


class TestConstantReward:
    """It teaches nothing in expectation, except to avoid the tokens that no target holds."""

    @pytest.mark.parametrize("point", CONSTANT.values(), ids=CONSTANT)
    def test_its_mean_step_is_zero_over_the_allowed_tokens(self, point, model):
        exact = enumeration(point, model)
        p_N = exact.log_q_token_N.exp()
        log_p_N = sequence_log_p(model, exact.tokens_NL, exact.keep_NL, allowed=True)
        assert gradient((p_N * exact.reward_N * log_p_N).sum(), model).abs().max() < 1e-5

    @pytest.mark.parametrize("name", ["policy_gradient", "rloo", "grpo", "minimum_risk", "target_policy"])
    def test_with_a_baseline_every_step_has_zero_gradient(self, name, model):
        path = algorithm(name).path("constant")
        assert gradient(step(path.end, model, copies=32).loss, model).abs().max() < 1e-6

    def test_without_a_baseline_the_mean_gradient_is_zero(self, model):
        _, gradients_KP = estimates(CONSTANT["policy gradient"], model)
        assert gradients_KP.abs().max() > 1e-3
        assert z_scores(gradients_KP, torch.zeros(gradients_KP.shape[1])).max() < 6.0
