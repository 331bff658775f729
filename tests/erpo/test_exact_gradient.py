from dataclasses import replace

import pytest
import torch

from erpo_explore.erpo import enumerate_targets, exact_gradient
from erpo_explore.erpo.exact_gradient import AIMS, exact_value
from erpo_explore.space import Point, Reward
from erpo_explore.space.estimator import Estimator

from .tiny import (
    EOS,
    MAX_TOKENS,
    PAD,
    POINTS,
    POLICY_GRADIENT,
    SYMBOLS,
    WORDS,
    gradient,
    memory_of,
    reference_of,
    reward_of,
    tiny_model,
)

MODEL = tiny_model()
SCORED = Point(
    reward=Reward(task=1.0, metric="tests.erpo.tiny:scored_reward", temperature=0.5),
    alpha=0.6,
    beta=0.2,
    estimator=Estimator(kind="sequence", samples=2),
)


def enumeration_of(point, model=MODEL):
    return enumerate_targets(point, reward_of(point), model, memory_of(model), reference_of(), MAX_TOKENS)


def flat(gradients):
    return torch.cat([gradient.flatten() for gradient in gradients.values()])


def token_log_p(tokens, *, allowed):
    """log p_θ of one target, token by token, with gradient."""
    total, prefix = torch.zeros(()), [SYMBOLS.bos]
    for token in tokens:
        logits_V = MODEL.decode(memory_of(MODEL), torch.tensor([prefix]))[0, -1]
        if allowed:
            logits_V = logits_V.index_fill(0, torch.tensor(SYMBOLS.never_drawn), -torch.inf)
        total, prefix = total + logits_V.log_softmax(-1)[token], [*prefix, token]
    return total


class TestGradients:
    @pytest.mark.parametrize("aim", AIMS)
    @pytest.mark.parametrize(
        "point",
        [POINTS["spg_bleu"], POINTS["halfway_rouge"], SCORED, replace(POLICY_GRADIENT, beta=0.3)],
        ids=["spg", "half", "scored", "entropy bonus"],
    )
    def test_it_is_the_gradient_of_its_equation(self, aim, point):
        found, a = enumeration_of(point), 0.4
        bonus = point.beta if point.is_policy_gradient else 0.0
        rows = [[v for v in row if v != PAD] for row in found.tokens_NL.tolist()]
        log_p_N = torch.stack([token_log_p(row, allowed=aim in ("reward", "risk")) for row in rows])
        value = {
            "token": lambda: (found.log_q_token_N.exp() * log_p_N).sum(),
            "sequence": lambda: (found.log_q_N.exp() * log_p_N).sum(),
            "reward": lambda: (log_p_N.exp() * (found.reward_N - bonus * log_p_N)).sum(),
            "risk": lambda: (log_p_N.exp() ** a * found.reward_N).sum() / (log_p_N.exp() ** a).sum(),
        }[aim]()
        found_P = flat(exact_gradient(aim, found, MODEL, memory_of(MODEL), sharpness=a))
        torch.testing.assert_close(found_P, gradient(value, MODEL), rtol=1e-3, atol=1e-5)

    @pytest.mark.parametrize("aim", AIMS)
    def test_a_small_step_along_it_raises_the_value(self, aim):
        model = tiny_model()
        found = enumeration_of(POINTS["spg_bleu"], model)
        gradients = exact_gradient(aim, found, model, memory_of(model))
        before = exact_value(aim, found, model, memory_of(model)).item()
        size = 1e-3 / flat(gradients).norm()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter += size * gradients[name]
        after = exact_value(aim, found, model, memory_of(model)).item()
        assert after - before == pytest.approx(1e-3 * flat(gradients).norm().item(), rel=0.1)

    def test_with_sharpness_1_the_risk_is_the_reward(self):
        found = enumeration_of(POLICY_GRADIENT)
        reward_P, risk_P = (flat(exact_gradient(aim, found, MODEL, memory_of(MODEL))) for aim in ("reward", "risk"))
        torch.testing.assert_close(risk_P, reward_P, rtol=1e-3, atol=1e-6)

    def test_every_parameter_has_its_gradient_by_name(self):
        gradients = exact_gradient("token", enumeration_of(POINTS["spg_bleu"]), MODEL, memory_of(MODEL))
        assert {name: value.shape for name, value in gradients.items()} == {
            name: parameter.shape for name, parameter in MODEL.named_parameters()
        }

    def test_with_truth_alone_it_is_that_of_maximum_likelihood(self):
        found = enumeration_of(Point(reward=Reward(truth=1.0)))
        expected = token_log_p([*WORDS, EOS], allowed=False)
        for aim in ("token", "sequence"):
            found_P = flat(exact_gradient(aim, found, MODEL, memory_of(MODEL)))
            torch.testing.assert_close(found_P, gradient(expected, MODEL), rtol=1e-3, atol=1e-5)

    def test_an_encoding_serves_several_aims(self):
        found, memory = enumeration_of(POINTS["spg_bleu"]), memory_of(MODEL)
        once, again = (flat(exact_gradient("sequence", found, MODEL, memory)) for _ in range(2))
        assert torch.equal(once, again)


class TestLimits:
    @pytest.mark.parametrize("beta", [0.0, 0.5])
    def test_at_large_alpha_the_m_step_is_the_policy_gradient_with_entropy_bonus(self, beta):
        # α ∇ E_q[log p] → ∇ (E_p[R] + β H(p)); over finished targets, with p normalised among them
        alpha = 1e3
        point = Point(reward=POLICY_GRADIENT.reward, alpha=alpha, beta=beta)
        found = enumeration_of(point)
        finished = found.finished_N
        log_p_N = torch.stack(
            [token_log_p([v for v in row if v != PAD], allowed=True) for row in found.tokens_NL[finished].tolist()]
        ).log_softmax(0)
        reward_P = gradient((log_p_N.exp() * (found.reward_N[finished] - beta * log_p_N)).sum(), MODEL)
        # at q = p the gradient of E_q[log p among the finished] is 0, so α magnifies rounding alone
        step_P = alpha * gradient((found.log_q_N[finished].double().exp() * log_p_N.double()).sum(), MODEL)
        assert torch.nn.functional.cosine_similarity(step_P, reward_P, dim=0) > 0.999
        assert float(step_P.norm() / reward_P.norm()) == pytest.approx(1.0, abs=0.02)


class TestErrors:
    @pytest.mark.parametrize("aim", ["reward", "risk"])
    def test_a_reward_of_minus_infinity_is_an_error(self, aim):
        found = enumeration_of(Point(reward=Reward(truth=1.0)))
        with pytest.raises(ValueError, match=f"J of {aim} needs a finite reward of every target, got truth=1"):
            exact_gradient(aim, found, MODEL, memory_of(MODEL))

    def test_an_unknown_aim_is_an_error(self):
        with pytest.raises((ValueError, TypeError)):
            exact_value("utility", enumeration_of(POINTS["spg_bleu"]), MODEL, memory_of(MODEL))
