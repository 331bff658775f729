import dataclasses
import itertools
import math

import pytest
import torch

from erpo_explore.erpo import draw_targets, enumerate_targets, objective, step_loss
from erpo_explore.rewards import MixtureReward, Reference
from erpo_explore.seq2seq import greedy
from erpo_explore.space import Estimator, Point, Reward, algorithm
from erpo_explore.space.algorithms import ALGORITHMS
from erpo_explore.space.point import LABELS, PREFIXES

from .tiny import (
    BOS,
    EOS,
    POINTS,
    POLICY_GRADIENT,
    SYMBOLS,
    UNIGRAM_V,
    UNK,
    WORDS,
    A,
    B,
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
from .worlds import padded

MLE = Point(reward=Reward(truth=1.0))
SCHEDULED_SAMPLING = Point(reward=Reward(truth=0.5, model=0.5), label="truth")
LEVERS = list(itertools.product(PREFIXES, LABELS))
METRIC = Reward(task=1.0, metric="rouge", temperature=0.5)
NUM_ESTIMATES, COPIES, K = 32, 24, 5
MAX_TOKENS = 4

RLOO = Estimator(baseline="leave_one_out", samples=K)
WHOLE = {
    "reinforce": (math.inf, Estimator(baseline="none", samples=K)),
    "self_critical": (math.inf, Estimator(samples=K)),
    "leave_one_out": (math.inf, RLOO),
    "group": (math.inf, Estimator(baseline="group", samples=K)),
    "batch": (math.inf, Estimator(baseline="batch", scale="batch", samples=K)),
    "lite_ppo": (math.inf, Estimator(baseline="group", scale="batch", samples=K)),
    "dr_grpo": (math.inf, Estimator(baseline="group", scale="none", normalise="sum", samples=K)),
    "grpo_of_targets": (math.inf, Estimator(baseline="group", normalise="target", samples=K)),
    "minimum_risk": (math.inf, Estimator(kind="minimum_risk", samples=K, sharpness=0.3)),
    "target_policy": (1.0, Estimator(kind="target_policy", samples=K)),
    "target_policy_raw": (0.4, Estimator(kind="target_policy", samples=K, baseline="none")),
    "sequence": (0.5, Estimator(kind="sequence", samples=K)),
    "sequence_offline": (0.0, Estimator(kind="sequence", samples=K)),
}
STANDARDISED = ("group", "target_policy", "batch", "lite_ppo", "grpo_of_targets")
WHOLE_POINTS = {
    name: Point(
        reward=dataclasses.replace(METRIC, temperature=1.0) if name in STANDARDISED else METRIC,
        alpha=alpha,
        beta=0.0 if alpha >= 1.0 else 0.5,
        estimator=estimator,
    )
    for name, (alpha, estimator) in WHOLE.items()
}


@pytest.fixture
def model():
    return tiny_model()


@pytest.fixture(autouse=True)
def few_targets(monkeypatch):
    """Let targets be one token longer than the reference instead of five, so that they can be enumerated."""
    monkeypatch.setattr(objective, "_LENGTH_SLACK", MAX_TOKENS - len(WORDS) - 1)


def step(point, model, *, copies=COPIES, seed=1):
    return step_loss(point, reward_of(point), model, *source_of(copies), reference_of(copies=copies), seeded(seed))


def estimates(point, model):
    """[K, P]: gradients of the loss summed over the labels of a source, which has no bias; a mean over labels has."""
    outcomes = [step(point, model, seed=seed) for seed in range(NUM_ESTIMATES)]
    return torch.stack([gradient(outcome.loss * outcome.num_tokens / COPIES, model) for outcome in outcomes])


def enumeration(point, model):
    return enumerate_targets(point, reward_of(point), model, memory_of(model), reference_of(), MAX_TOKENS)


def algorithm_points():
    """Every algorithm of the literature, at the beginning, in the middle and at the end of its path."""
    for name in ALGORITHMS:
        for at in (0.0, 0.6, 1.0):
            yield pytest.param(algorithm(name).path("bleu").at(at), id=f"{name}-{at}")
    yield pytest.param(algorithm("data_noising", kind="blank").path("bleu").at(0.0), id="blank")


ALGORITHM_POINTS = list(algorithm_points())


def has_every_gradient(model):
    return all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


class TestEveryPoint:
    @pytest.mark.parametrize("point", ALGORITHM_POINTS)
    def test_every_algorithm_gives_every_parameter_a_finite_gradient(self, model, point):
        outcome = step(point, model.train(), copies=8)
        outcome.loss.backward()
        assert outcome.loss.isfinite()
        assert has_every_gradient(model)

    @pytest.mark.parametrize(("prefix", "label"), LEVERS)
    @pytest.mark.parametrize("name", POINTS)
    def test_every_prefix_and_label_gives_every_parameter_a_finite_gradient(self, model, name, prefix, label):
        outcome = step(dataclasses.replace(POINTS[name], prefix=prefix, label=label), model.train(), copies=8)
        outcome.loss.backward()
        assert outcome.loss.isfinite()
        assert has_every_gradient(model)

    @pytest.mark.parametrize("label", LABELS)
    @pytest.mark.parametrize("forced", [0.2, 0.5, 1.0])
    @pytest.mark.parametrize("name", ["raml_edit", "spg_bleu", "noising", "interpolation"])
    def test_every_forced_share_gives_every_parameter_a_finite_gradient(self, model, name, forced, label):
        point = dataclasses.replace(POINTS[name], forced=forced, label=label)
        reference, source = padded((UNK, A, B), (UNK,), ()), source_of(3)
        outcome = step_loss(point, reward_of(point), model, *source, reference, seeded(1))
        outcome.loss.backward()
        assert outcome.loss.isfinite()
        assert outcome.mean_reward is None or math.isfinite(outcome.mean_reward)
        assert has_every_gradient(model)

    @pytest.mark.parametrize("name", WHOLE_POINTS)
    @pytest.mark.parametrize("metric", ["bleu", "edit", "bleu_prefix", "constant"])
    def test_every_estimator_and_metric_gives_every_parameter_a_finite_gradient(self, model, name, metric):
        point = dataclasses.replace(WHOLE_POINTS[name], reward=Reward(task=1.0, metric=metric))
        outcome = step(point, model, copies=8)
        outcome.loss.backward()
        assert outcome.loss.isfinite()
        assert has_every_gradient(model)

    @pytest.mark.parametrize("name", ["noising", "interpolation", "all_at_once", "noise"])
    def test_mixtures_work_with_sequence_weights(self, model, name):
        point = dataclasses.replace(POINTS[name], estimator=Estimator(kind="sequence", samples=K))
        outcome = step(point, model, copies=8)
        outcome.loss.backward()
        assert outcome.loss.isfinite()
        assert 1.0 <= outcome.effective_sample_size <= K
        assert has_every_gradient(model)


class TestGradients:
    @pytest.mark.parametrize(
        ("name", "prefix"), [("raml_edit", "model"), ("halfway_rouge", "q"), ("halfway_rouge", "truth")]
    )
    def test_sampled_and_expected_labels_agree_in_expectation(self, model, name, prefix):
        sampled, expected = (
            dataclasses.replace(POINTS[name], prefix=prefix, label=label) for label in ("sampled", "expected")
        )
        gaps_KP = estimates(sampled, model) - estimates(expected, model)
        assert gaps_KP.any()
        assert z_scores(gaps_KP, torch.zeros(gaps_KP.shape[1])).abs().max() < 4.0

    @pytest.mark.parametrize("name", ["raml_edit", "halfway_rouge", "noising", "task_and_noise"])
    def test_losses_of_sampled_and_expected_labels_agree(self, model, name):
        points = POINTS | {"task_and_noise": Point(reward=Reward(noise=0.4, task=0.6, metric="edit"))}
        sampled, expected = (
            dataclasses.replace(points[name], prefix="truth", label=label) for label in ("sampled", "expected")
        )
        assert step(sampled, model, copies=4096).loss.item() == pytest.approx(
            step(expected, model, copies=2).loss.item(), abs=0.05
        )

    def test_label_smoothing_equals_torchs_over_the_words(self, model):
        outcome = step(algorithm("label_smoothing", epsilon=0.2).path("bleu").at(0.0), model, copies=2)
        logits_TV = model.decode(memory_of(model), torch.tensor([[BOS, *WORDS]]))[0]
        log_p_TV = logits_TV.log_softmax(-1)
        truth_T = log_p_TV.gather(1, torch.tensor([[A], [B], [EOS]]))[:, 0]
        expected = -(0.8 * truth_T + 0.2 * log_p_TV[:, 4:].mean(1)).mean()
        torch.testing.assert_close(outcome.loss, expected)
        torch.testing.assert_close(gradient(outcome.loss, model), gradient(expected, model), rtol=1e-4, atol=1e-6)


class TestMaximumLikelihood:
    def test_it_equals_torchs_cross_entropy_bit_for_bit(self, model):
        outcome = step(MLE, model, copies=2)
        inputs_BT = torch.tensor([[BOS, *WORDS]] * 2)
        logits_BTV = model.decode(model.encode(*source_of(2)), inputs_BT)
        labels_BT = torch.tensor([[*WORDS, EOS]] * 2)
        expected = torch.nn.functional.cross_entropy(logits_BTV.flatten(0, 1), labels_BT.flatten())
        assert torch.equal(outcome.loss, expected)
        assert torch.equal(gradient(outcome.loss, model), gradient(expected, model))

    def test_statistics_of_q_are_none(self, model):
        outcome = step(MLE, model, copies=2)
        assert (outcome.num_tokens, outcome.num_units) == (6, 6)
        assert (outcome.entropy_nats, outcome.mean_reward, outcome.effective_sample_size) == (None, None, None)

    @pytest.mark.parametrize(
        "other",
        [
            dataclasses.replace(MLE, alpha=0.5),
            dataclasses.replace(MLE, estimator=Estimator(samples=K)),
            dataclasses.replace(SCHEDULED_SAMPLING, reward=Reward(truth=1.0)),
            dataclasses.replace(POLICY_GRADIENT, forced=1.0, estimator=RLOO),
            dataclasses.replace(POINTS["raml_edit"], forced=1.0, label="expected"),
        ],
        ids=str,
    )
    def test_equivalent_points_have_the_same_loss_bit_for_bit(self, model, other):
        outcome = step(other, model)
        assert torch.equal(outcome.loss, step(MLE, model).loss)
        assert outcome.num_tokens == step(MLE, model).num_tokens

    def test_scheduled_sampling_trains_on_the_same_number_of_labels(self, model):
        outcome = step(SCHEDULED_SAMPLING, model)
        assert outcome.num_tokens == step(MLE, model).num_tokens
        assert not torch.equal(outcome.loss, step(MLE, model).loss)


class Whole:
    """The targets of a step, drawn again from the same seed, with their rewards."""

    SOURCES = 3

    def __init__(self, point, model, seed=5):
        self.point, self.model, self.reward = point, model, reward_of(point)
        self.reference = padded((A, B), (B,), (B, B, A))
        source_BS, keep_BS = source_of(self.SOURCES)
        self.outcome = step_loss(point, self.reward, model, source_BS, keep_BS, self.reference, seeded(seed))
        row_R = torch.arange(self.SOURCES).repeat_interleave(K)
        many = self.reference.take(row_R)
        self.max_tokens = 4 + MAX_TOKENS - len(WORDS) - 1
        self.draw = draw_targets(
            point,
            self.reward,
            model,
            memory_of(model, len(row_R)),
            many,
            max_tokens=self.max_tokens,
            generator=seeded(seed),
        )
        self.reward_BK = self.reward.score(many, self.draw.labels_RT, self.draw.keep_RT).view(-1, K)
        tokens_RT = self.draw.labels_RT.masked_fill(~self.draw.keep_RT, SYMBOLS.pad)
        self.tokens_BKT = tokens_RT.view(self.SOURCES, K, -1)
        self.length_BK = self.draw.keep_RT.sum(1).view(-1, K)
        self.log_p_BK, self.full_log_p_BK = (
            sequence_log_p(model, tokens_RT, self.draw.keep_RT, allowed=allowed).view(-1, K)
            for allowed in (True, False)
        )

    def assert_loss(self, expected):
        torch.testing.assert_close(self.outcome.loss, expected, rtol=1e-4, atol=1e-6)
        found_P, expected_P = gradient(self.outcome.loss, self.model), gradient(expected, self.model)
        torch.testing.assert_close(found_P, expected_P, rtol=1e-3, atol=1e-5)
        assert self.outcome.num_tokens == int(self.length_BK.sum())


class TestWholeTargets:
    @pytest.mark.parametrize("name", ["reinforce", "self_critical", "leave_one_out", "group"])
    def test_policy_gradient_weights_each_target_by_its_advantage(self, model, name):
        whole = Whole(WHOLE_POINTS[name], model)
        reward_BK = whole.reward_BK
        greedy_RT = greedy(model, memory_of(model, whole.SOURCES), SYMBOLS, whole.max_tokens)
        greedy_B1 = whole.reward.score(whole.reference, greedy_RT, greedy_RT != SYMBOLS.pad)[:, None]
        deviation_B1 = reward_BK.std(1, correction=0, keepdim=True)
        advantage_BK = {
            "reinforce": reward_BK,
            "self_critical": reward_BK - greedy_B1,
            "leave_one_out": reward_BK - (reward_BK.sum(1, keepdim=True) - reward_BK) / (K - 1),
            "group": (reward_BK - reward_BK.mean(1, keepdim=True)) / deviation_B1,
        }[name]
        whole.assert_loss(-(advantage_BK * whole.log_p_BK).sum() / whole.length_BK.sum())
        assert whole.outcome.num_units == whole.outcome.num_tokens / K

    @pytest.mark.parametrize("name", ["batch", "lite_ppo", "dr_grpo", "grpo_of_targets"])
    def test_scale_and_normalisation_are_those_of_the_estimator(self, model, name):
        whole = Whole(WHOLE_POINTS[name], model)
        reward_BK, length_BK = whole.reward_BK, whole.length_BK
        group_BK = reward_BK - reward_BK.mean(1, keepdim=True)
        labels, deviation = length_BK.sum(), reward_BK.std(correction=0)
        expected = {
            "batch": lambda: ((reward_BK - reward_BK.mean()) / deviation * whole.log_p_BK).sum() / labels,
            "lite_ppo": lambda: (group_BK / deviation * whole.log_p_BK).sum() / labels,
            "dr_grpo": lambda: (group_BK * whole.log_p_BK).mean(),
            "grpo_of_targets": lambda: (
                group_BK / reward_BK.std(1, correction=0, keepdim=True) * whole.log_p_BK / length_BK
            ).mean(),
        }[name]()
        whole.assert_loss(-expected)

    def test_minimum_risk_is_the_expected_reward_among_distinct_draws(self, model):
        whole = Whole(WHOLE_POINTS["minimum_risk"], model, seed=7)  # some draws are equal
        losses, distinct = [], 0
        for b in range(whole.SOURCES):
            first = {tuple(tokens): k for k, tokens in reversed(list(enumerate(whole.tokens_BKT[b].tolist())))}
            kept = sorted(first.values())
            distinct += len(kept)
            share = (0.3 * whole.log_p_BK[b, kept]).softmax(0)
            losses.append(-(share * whole.reward_BK[b, kept]).sum())
        assert distinct < whole.SOURCES * K
        whole.assert_loss(torch.stack(losses).mean())
        assert whole.outcome.num_units == whole.SOURCES

    @pytest.mark.parametrize("name", ["target_policy", "target_policy_raw"])
    def test_target_policy_fits_the_models_tilted_draws(self, model, name):
        whole = Whole(WHOLE_POINTS[name], model)
        score_BK, rho, tau = whole.reward_BK, 1.0, 1.0
        if name == "target_policy":
            score_BK = (score_BK - score_BK.mean(1, keepdim=True)) / score_BK.std(1, correction=0, keepdim=True)
        else:
            rho, tau = 0.4 / 0.9, 0.9
        target_BK = (rho * whole.log_p_BK.detach() + score_BK / tau).softmax(1)
        whole.assert_loss(-(target_BK * whole.log_p_BK.log_softmax(1)).sum(1).mean())
        size = float((1.0 / target_BK.square().sum(1)).mean())
        assert whole.outcome.effective_sample_size == pytest.approx(size, rel=1e-4)

    @pytest.mark.parametrize("name", ["sequence", "sequence_offline"])
    def test_sequence_weights_each_target_by_its_z(self, model, name):
        whole = Whole(WHOLE_POINTS[name], model)
        log_z_BK, finished_BK = whole.draw.log_z_R.view(-1, K), whole.draw.finished_R.view(-1, K)
        assert finished_BK.any(1).all()
        weight_BK = log_z_BK.exp() * finished_BK
        weight_BK = weight_BK / weight_BK.sum(1, keepdim=True)
        total = (weight_BK * whole.length_BK).sum()
        whole.assert_loss(-(weight_BK * whole.full_log_p_BK).sum() / total)
        assert whole.outcome.num_units == pytest.approx(float(total), rel=1e-5)
        size = float((1.0 / weight_BK.square().sum(1)).mean())
        assert whole.outcome.effective_sample_size == pytest.approx(size, rel=1e-4)
        mean = float((weight_BK * whole.reward_BK).sum(1).mean()) * METRIC.temperature
        assert whole.outcome.mean_reward == pytest.approx(mean, rel=1e-3)

    @pytest.mark.parametrize("name", WHOLE_POINTS)
    def test_sources_are_encoded_once_and_targets_read_once(self, model, name, monkeypatch):
        encoded, read, encode, features = [], [], model.encode, model.features
        monkeypatch.setattr(model, "encode", lambda *args: encoded.append(len(args[0])) or encode(*args))
        monkeypatch.setattr(model, "features", lambda *args: read.append(len(args[1])) or features(*args))
        step(WHOLE_POINTS[name], model, copies=5)
        assert (encoded, read) == ([5], [5 * K])


class TestReports:
    @pytest.mark.parametrize("name", ["raml_bleu", "raml_edit", "spg_bleu", "halfway_rouge"])
    def test_the_mean_reward_is_the_metric_under_q(self, model, name):
        point = POINTS[name]
        exact = enumeration(point, model)
        reward_N, q_N = exact.reward_N * point.reward.temperature, exact.log_q_token_N.exp()
        mean = float((q_N * reward_N).sum())
        deviation = float((q_N * (reward_N - mean) ** 2).sum().sqrt())
        assert step(point, model, copies=4096).mean_reward == pytest.approx(mean, abs=4.0 * deviation / 64.0)

    @pytest.mark.parametrize("point", [POLICY_GRADIENT, dataclasses.replace(POLICY_GRADIENT, estimator=RLOO)])
    def test_policy_gradient_reports_the_models_mean_reward(self, model, point):
        exact = enumeration(POINTS["raml_bleu"], model)
        p_N, reward_N = exact.log_p_N.exp(), exact.reward_N
        mean = float((p_N * reward_N).sum())
        deviation = float((p_N * (reward_N - mean) ** 2).sum().sqrt())
        assert step(point, model, copies=2048).mean_reward == pytest.approx(mean, abs=4.0 * deviation / 2048**0.5)

    def test_with_sequence_weights_the_mean_reward_is_that_of_the_exact_q(self, model):
        point = dataclasses.replace(POINTS["halfway_rouge"], estimator=Estimator(kind="sequence", samples=256))
        exact = enumeration(point, model)
        mean = float((exact.log_q_N.exp() * exact.reward_N)[exact.finished_N].sum()) * point.reward.temperature
        outcome = step(point, model, copies=128)
        assert outcome.mean_reward == pytest.approx(mean, abs=0.01)
        assert abs(mean - float((exact.log_q_token_N.exp() * exact.reward_N).sum()) * 0.3) > 0.02

    @pytest.mark.parametrize("name", ["noising", "interpolation", "all_at_once"])
    def test_a_mixture_has_no_mean_reward(self, model, name):
        assert step(POINTS[name], model).mean_reward is None

    def test_along_the_truth_there_is_no_mean_reward(self, model):
        assert step(dataclasses.replace(POINTS["raml_edit"], prefix="truth"), model).mean_reward is None

    @pytest.mark.parametrize("label", ["sampled", "expected"])
    @pytest.mark.parametrize("name", [*POINTS, "own_words"])
    def test_the_entropy_is_that_of_q_per_token(self, model, name, label):
        point = (POINTS | {"own_words": Point(reward=Reward(model=1.0))})[name]
        exact = enumeration(point, model)
        self.assert_entropy(
            step(dataclasses.replace(point, label=label), model, copies=4096), exact.log_q_token_N, exact
        )

    @pytest.mark.parametrize("name", ["reinforce", "minimum_risk", "target_policy"])
    def test_for_draws_from_the_model_it_is_the_models(self, model, name):
        exact = enumeration(POINTS["raml_bleu"], model)
        self.assert_entropy(step(WHOLE_POINTS[name], model, copies=1024), exact.log_p_N, exact)

    def assert_entropy(self, outcome, log_q_N, exact):
        """Within four standard errors of Σ q (−log q) / Σ q |y|, a ratio over 4096 targets."""
        q_N, length_N = log_q_N.exp(), exact.keep_NL.sum(1)
        nats_N = torch.where(q_N > 0.0, -log_q_N, 0.0)
        length = float((q_N * length_N).sum())
        entropy = float((q_N * nats_N).sum()) / length
        error = float((q_N * (nats_N - entropy * length_N) ** 2).sum().sqrt()) / length / 4096**0.5
        assert outcome.entropy_nats == pytest.approx(entropy, abs=4.0 * error + 1e-5)

    def test_forced_labels_have_no_entropy(self, model):
        point = dataclasses.replace(POINTS["raml_edit"], forced=0.99)
        assert step(point, model).entropy_nats is None

    @pytest.mark.parametrize("name", ["raml_bleu", "spg_bleu", "interpolation"])
    def test_the_loss_is_a_mean_over_its_labels(self, model, name):
        exact = enumeration(POINTS[name], model)
        q_N = exact.log_q_token_N.exp()
        log_p_N = sequence_log_p(model, exact.tokens_NL, exact.keep_NL, allowed=False)
        mean = -(q_N * log_p_N).sum() / (q_N * exact.keep_NL.sum(1)).sum()
        outcome = step(POINTS[name], model, copies=8192)
        assert outcome.loss.item() == pytest.approx(mean.item(), abs=0.03)
        assert outcome.num_units == outcome.num_tokens

    def test_num_units_does_not_grow_with_the_draws_of_a_source(self, model):
        outcome = step(dataclasses.replace(POINTS["raml_edit"], estimator=Estimator(samples=K)), model)
        assert outcome.num_units == outcome.num_tokens / K


class TestErrors:
    def test_an_empty_target_is_an_error(self, model):
        tokens_BT = torch.tensor([[A, EOS], [0, 0]])
        reference = Reference(tokens_BT=tokens_BT, keep_BT=tokens_BT != 0, num_tokens=7, symbols=SYMBOLS)
        with pytest.raises(ValueError, match="every target must keep at least one token, its EOS; got an empty one"):
            step_loss(MLE, reward_of(MLE), model, *source_of(2), reference, seeded(1))

    def test_forbidding_every_token_is_an_error(self, model):
        point = Point(reward=Reward(noise=1.0), alpha=0.5, beta=0.5)
        reward = MixtureReward(point.reward, torch.zeros_like(UNIGRAM_V))
        with pytest.raises(ValueError, match="forbid every token after some prefix"):
            step_loss(point, reward, model, *source_of(), reference_of(), seeded(1))

    @pytest.mark.parametrize("point", [POLICY_GRADIENT, POINTS["spg_bleu"]], ids=str)
    def test_a_model_that_diverged_is_an_error(self, model, point):
        with torch.no_grad():
            next(iter(model.parameters())).fill_(torch.nan)
        with pytest.raises(FloatingPointError, match="not a number"):
            step(point, model)


class TestRandomness:
    @pytest.mark.parametrize("point", ALGORITHM_POINTS)
    def test_the_same_seed_gives_the_same_loss(self, model, point):
        one, other = (step(point, model, seed=3, copies=8) for _ in range(2))
        assert torch.equal(one.loss, other.loss)
        assert dataclasses.replace(one, loss=other.loss) == other

    @pytest.mark.parametrize("point", ALGORITHM_POINTS)
    def test_the_global_generator_is_not_used(self, model, point):
        before = torch.random.get_rng_state()
        step(point, model.train(), copies=4)
        assert torch.equal(torch.random.get_rng_state(), before)
