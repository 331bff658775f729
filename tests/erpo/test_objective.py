import dataclasses
import itertools

import pytest
import torch

from erpo_explore.erpo import enumerate_targets, objective, step_loss
from erpo_explore.space import Point, Reward
from erpo_explore.space.point import LABELS, PREFIXES

from .tiny import (
    BOS,
    EOS,
    POINTS,
    POLICY_GRADIENT,
    WORDS,
    gradient,
    memory_of,
    reference_of,
    reward_of,
    seeded,
    sequence_log_p,
    source_of,
    tiny_model,
    z_scores,
)

MLE = Point(reward=Reward(truth=1.0))
SCHEDULED_SAMPLING = Point(reward=Reward(truth=0.5, model=0.5), label="truth")
LEVERS = list(itertools.product(PREFIXES, LABELS))
NUM_ESTIMATES, COPIES = 32, 64
MAX_TOKENS = 4


@pytest.fixture
def model():
    return tiny_model()


@pytest.fixture(autouse=True)
def few_targets(monkeypatch):
    """Let a target be one token longer than the reference and not five, so that they can be enumerated."""
    monkeypatch.setattr(objective, "_LENGTH_SLACK", MAX_TOKENS - len(WORDS) - 1)


def step(point, model, *, copies=COPIES, seed=1):
    return step_loss(point, reward_of(point), model, *source_of(copies), reference_of(copies=copies), seeded(seed))


def estimates(point, model):
    """[K, P]: gradients of the loss summed over the labels of a source, which a mean over labels is not free of."""
    outcomes = [step(point, model, seed=seed) for seed in range(NUM_ESTIMATES)]
    return torch.stack([gradient(outcome.loss * outcome.num_tokens / COPIES, model) for outcome in outcomes])


def enumeration(point, model):
    return enumerate_targets(point, reward_of(point), model, memory_of(model), reference_of(), MAX_TOKENS)


class TestGradients:
    @pytest.mark.parametrize("label", ["sampled", "expected"])
    @pytest.mark.parametrize("name", ["raml_edit", "halfway_rouge", "spg_bleu", "interpolation"])
    def test_it_is_that_of_the_exact_m_step(self, model, name, label):
        point = dataclasses.replace(POINTS[name], label=label)
        exact = enumeration(point, model)
        log_p_N = sequence_log_p(model, exact.tokens_NL, exact.keep_NL, allowed=False)
        exact_P = gradient(-(exact.log_q_token_N.exp() * log_p_N).sum(), model)
        assert z_scores(estimates(point, model), exact_P).abs().max() < 4.0

    def test_policy_gradient_is_the_gradient_of_the_expected_reward(self, model):
        exact = enumeration(POINTS["raml_bleu"], model)
        p_N = sequence_log_p(model, exact.tokens_NL, exact.keep_NL, allowed=True).exp()
        exact_P = gradient(-(p_N * exact.reward_N).sum(), model)
        assert z_scores(estimates(POLICY_GRADIENT, model), exact_P).abs().max() < 4.0

    def test_policy_gradient_points_to_more_reward(self, model):
        exact = enumeration(POINTS["raml_bleu"], model)
        p_N = sequence_log_p(model, exact.tokens_NL, exact.keep_NL, allowed=True).exp()
        exact_P = gradient(-(p_N * exact.reward_N).sum(), model)
        found_P = gradient(step(POLICY_GRADIENT, model, copies=8192).loss, model)
        assert torch.nn.functional.cosine_similarity(found_P, exact_P, dim=0) > 0.98

    @pytest.mark.parametrize("prefix", PREFIXES)
    @pytest.mark.parametrize("name", ["raml_edit", "halfway_rouge", "all_at_once"])
    def test_sampled_and_expected_labels_agree_in_expectation(self, model, name, prefix):
        sampled, expected = (
            dataclasses.replace(POINTS[name], prefix=prefix, label=label) for label in ("sampled", "expected")
        )
        gaps_KP = estimates(sampled, model) - estimates(expected, model)
        assert gaps_KP.any()
        assert z_scores(gaps_KP, torch.zeros(gaps_KP.shape[1])).abs().max() < 4.0

    @pytest.mark.parametrize(("prefix", "label"), LEVERS)
    @pytest.mark.parametrize("name", POINTS)
    def test_every_point_gives_every_parameter_a_finite_gradient(self, model, name, prefix, label):
        outcome = step(dataclasses.replace(POINTS[name], prefix=prefix, label=label), model.train(), copies=8)
        outcome.loss.backward()
        assert outcome.loss.isfinite()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


class TestMaximumLikelihood:
    def test_it_is_torchs_cross_entropy_bit_for_bit(self, model):
        outcome = step(MLE, model, copies=2)
        inputs_BT = torch.tensor([[BOS, *WORDS]] * 2)
        logits_BTV = model.decode(model.encode(*source_of(2)), inputs_BT)
        labels_BT = torch.tensor([[*WORDS, EOS]] * 2)
        expected = torch.nn.functional.cross_entropy(logits_BTV.flatten(0, 1), labels_BT.flatten())
        assert torch.equal(outcome.loss, expected)
        assert torch.equal(gradient(outcome.loss, model), gradient(expected, model))

    def test_nothing_is_known_of_q(self, model):
        outcome = step(MLE, model, copies=2)
        assert (outcome.num_tokens, outcome.entropy_nats, outcome.mean_reward) == (6, None, None)

    @pytest.mark.parametrize("alpha", [0.5, 1.0])
    def test_trust_changes_nothing(self, model, alpha):
        assert torch.equal(step(dataclasses.replace(MLE, alpha=alpha), model).loss, step(MLE, model).loss)

    def test_scheduled_sampling_without_own_words_is_maximum_likelihood(self, model):
        point = dataclasses.replace(SCHEDULED_SAMPLING, reward=Reward(truth=1.0))
        assert torch.equal(step(point, model).loss, step(MLE, model).loss)

    def test_scheduled_sampling_trains_on_as_many_labels(self, model):
        outcome = step(SCHEDULED_SAMPLING, model)
        assert outcome.num_tokens == step(MLE, model).num_tokens
        assert not torch.equal(outcome.loss, step(MLE, model).loss)


class TestReports:
    @pytest.mark.parametrize("name", ["raml_bleu", "raml_edit", "spg_bleu"])
    def test_the_mean_reward_is_the_metrics_under_q(self, model, name):
        point = POINTS[name]
        exact = enumeration(point, model)
        reward_N = exact.reward_N * point.reward.temperature
        q_N = exact.log_q_token_N.exp()
        mean = float((q_N * reward_N).sum())
        deviation = float((q_N * (reward_N - mean) ** 2).sum().sqrt())
        found = step(point, model, copies=4096).mean_reward
        assert found == pytest.approx(mean, abs=4.0 * deviation / 64.0)

    def test_policy_gradient_reports_the_models_reward(self, model):
        exact = enumeration(POINTS["raml_bleu"], model)
        mean = float((exact.log_p_N.exp() * exact.reward_N).sum())
        assert step(POLICY_GRADIENT, model, copies=4096).mean_reward == pytest.approx(mean, abs=0.03)

    @pytest.mark.parametrize("name", ["noising", "interpolation", "all_at_once"])
    def test_a_mixture_has_no_mean_reward(self, model, name):
        assert step(POINTS[name], model).mean_reward is None

    @pytest.mark.parametrize("name", POINTS)
    def test_the_entropy_is_that_of_some_distribution_over_what_may_be_said(self, model, name):
        entropy_nats = step(POINTS[name], model).entropy_nats
        assert 0.0 < entropy_nats < torch.tensor(4.0).log()

    @pytest.mark.parametrize("name", ["raml_bleu", "spg_bleu"])
    def test_the_loss_is_a_mean_over_its_labels(self, model, name):
        point = POINTS[name]
        exact = enumeration(point, model)
        q_N = exact.log_q_token_N.exp()
        log_p_N = sequence_log_p(model, exact.tokens_NL, exact.keep_NL, allowed=False)
        mean = -(q_N * log_p_N).sum() / (q_N * exact.keep_NL.sum(1)).sum()
        assert step(point, model, copies=8192).loss.item() == pytest.approx(mean.item(), abs=0.03)


class TestRandomness:
    @pytest.mark.parametrize("point", [*POINTS.values(), POLICY_GRADIENT], ids=[*POINTS, "policy_gradient"])
    def test_the_same_seed_gives_the_same_loss(self, model, point):
        one, other = (step(point, model, seed=3) for _ in range(2))
        assert torch.equal(one.loss, other.loss)
        assert dataclasses.replace(one, loss=other.loss) == other

    def test_the_global_generator_is_not_moved(self, model):
        before = torch.random.get_rng_state()
        step(POINTS["all_at_once"], model.train())
        assert torch.equal(torch.random.get_rng_state(), before)
