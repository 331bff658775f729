import dataclasses
import math

import pytest
import sacrebleu
import torch

from erpo_explore.erpo import enumerate_targets
from erpo_explore.space import Point, Reward
from erpo_explore.space.estimator import Estimator

from .tiny import (
    EOS,
    MAX_TOKENS,
    NUM_TARGETS,
    PAD,
    POINTS,
    POLICY_GRADIENT,
    SYMBOLS,
    WORDS,
    memory_of,
    reference_of,
    reward_of,
    seeded,
    sequence_log_p,
    tiny_model,
)

MODEL = tiny_model()


def enumeration_of(point, max_tokens=MAX_TOKENS):
    return enumerate_targets(point, reward_of(point), MODEL, memory_of(MODEL), reference_of(), max_tokens)


@pytest.fixture(params=POINTS)
def point(request):
    return POINTS[request.param]


@pytest.fixture
def found(point):
    return enumeration_of(point)


class TestTargets:
    found = enumeration_of(POINTS["raml_bleu"])

    @pytest.mark.parametrize(("max_tokens", "num_targets"), [(1, 1 + 3), (3, NUM_TARGETS), (4, NUM_TARGETS + 81)])
    def test_every_target_is_enumerated_once(self, max_tokens, num_targets):
        tokens_NL = enumeration_of(POINTS["raml_bleu"], max_tokens).tokens_NL
        assert tokens_NL.shape == (num_targets, max_tokens)
        assert len(set(map(tuple, tokens_NL.tolist()))) == num_targets

    def test_a_target_is_words_then_eos_then_padding(self):
        for row in self.found.tokens_NL.tolist():
            words = [token for token in row if token > EOS]
            assert row == ([*words, EOS] + [PAD] * MAX_TOKENS)[:MAX_TOKENS]

    def test_no_special_token_but_eos_is_a_target(self):
        kept = self.found.tokens_NL[self.found.keep_NL]
        assert not torch.isin(kept, torch.tensor(SYMBOLS.never_drawn)).any()

    def test_keep_covers_the_target_and_its_eos(self):
        assert torch.equal(self.found.keep_NL, self.found.tokens_NL != PAD)

    def test_targets_with_eos_are_finished(self):
        assert torch.equal(self.found.finished_N, (self.found.tokens_NL == EOS).any(1))
        assert int(self.found.finished_N.sum()) == 1 + 3 + 9


class TestProbabilities:
    def test_the_model_is_a_distribution_over_all_targets(self, found):
        assert float(found.log_p_N.logsumexp(0)) == pytest.approx(0.0, abs=1e-5)

    def test_the_model_is_that_of_teacher_forcing(self, found):
        log_p_N = sequence_log_p(MODEL, found.tokens_NL, found.keep_NL, allowed=True)
        torch.testing.assert_close(found.log_p_N, log_p_N)

    def test_the_sampler_is_a_distribution_over_all_targets(self, found):
        assert float(found.log_q_token_N.logsumexp(0)) == pytest.approx(0.0, abs=1e-5)

    def test_with_noise_alone_no_target_has_eos(self):
        found = enumeration_of(POINTS["noise"])
        assert (found.log_q_token_N[found.finished_N] == -torch.inf).all()

    @pytest.mark.parametrize("name", [name for name in POINTS if name != "noise"])
    def test_q_is_a_distribution_over_finished_targets(self, name):
        found = enumeration_of(POINTS[name])
        assert float(found.log_q_N[found.finished_N].logsumexp(0)) == pytest.approx(0.0, abs=1e-5)
        assert (found.log_q_N[~found.finished_N] == -torch.inf).all()

    @pytest.mark.parametrize("name", [name for name in POINTS if name != "noise"])
    def test_q_is_the_sampler_times_its_normalisers(self, name):
        found = enumeration_of(POINTS[name])
        possible_N = found.log_q_N > -torch.inf
        gap_N = (found.log_q_token_N + found.log_z_N - found.log_q_N)[possible_N]
        torch.testing.assert_close(gap_N, gap_N[0].expand_as(gap_N), rtol=0.0, atol=1e-4)

    @pytest.mark.parametrize("name", ["raml_bleu", "raml_edit", "halfway_rouge", "spg_bleu"])
    def test_q_is_the_e_step_of_the_paper(self, name):
        point, found = POINTS[name], enumeration_of(POINTS[name])
        exponent_N = (point.alpha * found.log_p_N + found.reward_N) / (point.alpha + point.beta)
        expected_N = exponent_N.exp() * found.finished_N
        torch.testing.assert_close(found.log_q_N.exp(), expected_N / expected_N.sum())


class TestRewards:
    def test_a_finished_target_has_sacrebleus_score_over_the_temperature(self):
        point = POINTS["spg_bleu"]
        found = enumeration_of(point)
        for tokens, value in zip(found.tokens_NL[found.finished_N].tolist(), found.reward_N.tolist(), strict=False):
            score = sacrebleu.sentence_bleu(
                " ".join(f"w{token}" for token in tokens if token > EOS),
                [" ".join(f"w{word}" for word in WORDS)],
                smooth_method="add-k",
                smooth_value=1,
                use_effective_order=True,
                tokenize="none",
            ).score
            assert value * point.reward.temperature == pytest.approx(score / 100.0, abs=1e-5)

    def test_the_reference_has_the_highest_reward(self):
        found = enumeration_of(POINTS["raml_edit"])
        assert found.tokens_NL[found.reward_N.masked_fill(~found.finished_N, -torch.inf).argmax()].tolist() == [
            *WORDS,
            EOS,
        ]


class TestLimits:
    def at(self, alpha, beta=0.0):
        return enumeration_of(Point(reward=POLICY_GRADIENT.reward, alpha=alpha, beta=beta))

    def test_at_large_alpha_the_sampler_is_the_model(self):
        found = self.at(1e5)
        torch.testing.assert_close(found.log_q_token_N.exp(), found.log_p_N.exp(), rtol=0.0, atol=1e-5)

    def test_at_large_alpha_q_is_the_model_over_finished_targets(self):
        found = self.at(1e5)
        p_N = found.log_p_N.exp() * found.finished_N
        torch.testing.assert_close(found.log_q_N.exp(), p_N / p_N.sum(), rtol=0.0, atol=1e-5)

    def test_the_first_step_away_from_the_model_is_the_advantage(self):
        # q → p (1 + (R − E_p[R]) / α), the limit that makes α = ∞ policy gradient
        alpha = 300.0
        found = self.at(alpha)
        p_N = (found.log_p_N.exp() * found.finished_N)[found.finished_N]
        p_N, reward_N = p_N / p_N.sum(), found.reward_N[found.finished_N]
        slope_N = alpha * (found.log_q_N[found.finished_N].exp() / p_N - 1.0)
        torch.testing.assert_close(slope_N, reward_N - (p_N * reward_N).sum(), rtol=0.0, atol=5e-3)

    def test_at_alpha_0_a_high_temperature_gives_the_uniform_distribution(self):
        found = self.at(0.0, beta=1e6)
        log_q_N = found.log_q_N[found.finished_N]
        torch.testing.assert_close(log_q_N, torch.full_like(log_q_N, -math.log(1 + 3 + 9)))

    def test_at_alpha_0_a_low_temperature_gives_the_reference(self):
        found = self.at(0.0, beta=1e-3)
        assert found.tokens_NL[found.log_q_N.argmax()].tolist() == [*WORDS, EOS]
        assert float(found.log_q_N.max()) == pytest.approx(0.0, abs=1e-5)

    def test_with_truth_alone_only_the_reference_has_mass(self):
        found = enumeration_of(Point(reward=Reward(truth=1.0)))
        drawn = found.log_q_token_N.exp() > 0
        assert found.tokens_NL[drawn].tolist() == [[*WORDS, EOS]]
        assert found.log_q_token_N[drawn].tolist() == [0.0]

    def test_policy_gradient_is_the_limit_itself(self):
        found = enumeration_of(POLICY_GRADIENT)
        torch.testing.assert_close(found.log_q_token_N, found.log_p_N)
        p_N = found.log_p_N.exp() * found.finished_N
        torch.testing.assert_close(found.log_q_N.exp(), p_N / p_N.sum())
        torch.testing.assert_close(found.log_z_N, torch.zeros(NUM_TARGETS), rtol=0.0, atol=1e-6)


def log_partition(found):
    """log Z = log Σ exp((α log p + R) / τ) over finished targets."""
    point = found.point
    log_p_N, reward_N = found.log_p_N[found.finished_N].double(), found.reward_N[found.finished_N].double()
    return torch.logsumexp((point.alpha * log_p_N + reward_N) / point.tau, dim=0)


OPEN = [name for name in POINTS if name != "noise"]
SCORED = Point(
    reward=Reward(task=1.0, metric="tests.erpo.tiny:scored_reward", temperature=0.5),
    alpha=0.6,
    beta=0.2,
    estimator=Estimator(kind="sequence", samples=2),
)


class TestObjective:
    """q maximises L(q, θ) = E_q[R] − α KL(q ‖ p_θ) + β H(q)."""

    @pytest.mark.parametrize("point", [*(POINTS[name] for name in OPEN), SCORED], ids=[*OPEN, "scored"])
    def test_its_value_at_q_is_the_log_partition(self, point):
        found = enumeration_of(point)
        value = found.objective(found.log_q_N)
        assert value.item() == pytest.approx(point.tau * log_partition(found).item(), rel=1e-4, abs=1e-5)

    @pytest.mark.parametrize("size", [0.03, 0.3, 3.0])
    @pytest.mark.parametrize("point", [*(POINTS[name] for name in OPEN), SCORED], ids=[*OPEN, "scored"])
    def test_every_other_q_has_a_smaller_objective(self, point, size):
        found = enumeration_of(point)
        best = found.objective(found.log_q_N)
        for seed in range(20):
            noise_N = size * torch.randn(NUM_TARGETS, generator=seeded(seed))
            log_q_N = (found.log_q_N + noise_N).log_softmax(0)
            # L(q*) − L(q) = τ KL(q ‖ q*)
            gap = point.tau * (log_q_N.exp() * (log_q_N - found.log_q_N))[log_q_N > -torch.inf].sum()
            assert gap > 0.0
            assert (best - found.objective(log_q_N)).item() == pytest.approx(gap.item(), rel=1e-2, abs=1e-5)

    @pytest.mark.parametrize("name", ["raml_bleu", "spg_bleu", "halfway_rouge"])
    def test_the_token_level_sampler_has_a_smaller_objective(self, name):
        found = enumeration_of(POINTS[name])
        log_q_N = found.log_q_token_N.masked_fill(~found.finished_N, -torch.inf).log_softmax(0)
        assert found.objective(log_q_N) < found.objective(found.log_q_N) - 1e-4

    def test_a_point_mass_has_the_objective_reward_plus_alpha_log_p(self):
        found = enumeration_of(POINTS["spg_bleu"])
        certain_N = torch.full((NUM_TARGETS,), -torch.inf)
        certain_N[7] = 0.0
        torch.testing.assert_close(found.objective(certain_N), found.reward_N[7] + found.log_p_N[7])

    def test_targets_without_mass_do_not_count(self):
        found = enumeration_of(Point(reward=Reward(truth=1.0), alpha=0.5, beta=0.5))
        uniform_N = torch.full((NUM_TARGETS,), -math.log(NUM_TARGETS))
        assert found.objective(uniform_N) == -torch.inf
        # this q has entropy 0, so its objective is the reward and the model's log-probability
        reference = found.log_q_N.argmax()
        torch.testing.assert_close(found.objective(found.log_q_N), 0.5 * found.log_p_N[reference])

    def test_at_alpha_infinite_the_objective_is_an_error(self):
        found = enumeration_of(POLICY_GRADIENT)
        with pytest.raises(ValueError, match="no finite value at alpha=inf"):
            found.objective(found.log_q_N)


class TestRewardsWithoutIncrements:
    def test_the_sampler_does_not_depend_on_them(self):
        found = enumeration_of(SCORED)
        log_p_N = enumeration_of(dataclasses.replace(POLICY_GRADIENT)).log_p_N
        torch.testing.assert_close(found.log_p_N, log_p_N)
        plain = enumeration_of(Point(reward=Reward(model=1.0), alpha=0.0, beta=SCORED.tau / SCORED.alpha))
        # p^ρ, normalised token by token, is the model at another temperature
        torch.testing.assert_close(found.log_q_token_N, plain.log_q_token_N)

    def test_q_is_the_sampler_times_its_normalisers_and_the_reward(self):
        found = enumeration_of(SCORED)
        tied_N = found.log_q_token_N + found.log_z_N + found.reward_N / SCORED.tau - found.log_q_N
        tied_N = tied_N[found.finished_N]
        torch.testing.assert_close(tied_N, tied_N[0].expand_as(tied_N), rtol=0.0, atol=1e-4)


class TestErrors:
    def test_more_than_one_source_is_an_error(self):
        point = POINTS["raml_bleu"]
        with pytest.raises(ValueError, match="takes one source"):
            enumerate_targets(point, reward_of(point), MODEL, memory_of(MODEL, 2), reference_of(copies=2), MAX_TOKENS)

    def test_too_many_targets_are_an_error(self):
        with pytest.raises(ValueError, match="3 words and 13 tokens are more than a million targets"):
            enumeration_of(POINTS["raml_bleu"], 13)

    def test_an_enumeration_is_frozen(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            enumeration_of(POINTS["noise"]).reward_N = torch.zeros(1)
