import dataclasses
import math

import pytest
import sacrebleu
import torch

from erpo_explore.erpo import enumerate_targets
from erpo_explore.space import Point, Reward

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
    def test_every_target_is_there_once(self, max_tokens, num_targets):
        tokens_NL = enumeration_of(POINTS["raml_bleu"], max_tokens).tokens_NL
        assert tokens_NL.shape == (num_targets, max_tokens)
        assert len(set(map(tuple, tokens_NL.tolist()))) == num_targets

    def test_a_target_holds_words_then_its_end_then_padding(self):
        for row in self.found.tokens_NL.tolist():
            words = [token for token in row if token > EOS]
            assert row == ([*words, EOS] + [PAD] * MAX_TOKENS)[:MAX_TOKENS]

    def test_no_special_token_but_eos_is_a_target(self):
        kept = self.found.tokens_NL[self.found.keep_NL]
        assert not torch.isin(kept, torch.tensor(SYMBOLS.never_drawn)).any()

    def test_what_is_kept_is_the_target_and_its_end(self):
        assert torch.equal(self.found.keep_NL, self.found.tokens_NL != PAD)

    def test_only_targets_with_an_end_are_finished(self):
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

    def test_at_the_corner_of_noise_nothing_ends(self):
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

    def test_with_much_trust_the_sampler_is_the_model(self):
        found = self.at(1e5)
        torch.testing.assert_close(found.log_q_token_N.exp(), found.log_p_N.exp(), rtol=0.0, atol=1e-5)

    def test_with_much_trust_q_is_the_model_among_finished_targets(self):
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

    def test_without_trust_a_high_temperature_is_the_uniform_distribution(self):
        found = self.at(0.0, beta=1e6)
        log_q_N = found.log_q_N[found.finished_N]
        torch.testing.assert_close(log_q_N, torch.full_like(log_q_N, -math.log(1 + 3 + 9)))

    def test_without_trust_a_low_temperature_is_the_reference(self):
        found = self.at(0.0, beta=1e-3)
        assert found.tokens_NL[found.log_q_N.argmax()].tolist() == [*WORDS, EOS]
        assert float(found.log_q_N.max()) == pytest.approx(0.0, abs=1e-5)

    def test_only_the_truth_is_drawn_at_the_corner_of_truth(self):
        found = enumeration_of(Point(reward=Reward(truth=1.0)))
        drawn = found.log_q_token_N.exp() > 0
        assert found.tokens_NL[drawn].tolist() == [[*WORDS, EOS]]
        assert found.log_q_token_N[drawn].tolist() == [0.0]


class TestErrors:
    def test_policy_gradient_has_no_q(self):
        with pytest.raises(ValueError, match="a point with finite alpha"):
            enumeration_of(POLICY_GRADIENT)

    def test_it_takes_one_source(self):
        point = POINTS["raml_bleu"]
        with pytest.raises(ValueError, match="takes one source"):
            enumerate_targets(point, reward_of(point), MODEL, memory_of(MODEL, 2), reference_of(copies=2), MAX_TOKENS)

    def test_it_refuses_what_would_not_fit(self):
        with pytest.raises(ValueError, match="3 words and 13 tokens are more than a million targets"):
            enumeration_of(POINTS["raml_bleu"], 13)

    def test_an_enumeration_is_frozen(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            enumeration_of(POINTS["noise"]).reward_N = torch.zeros(1)
