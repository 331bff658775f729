"""Further steps on one set of draws: PPO's surrogate, against every tuple of targets, at K = 2 and K = 4.

Legend: N enumerated targets, L longest target, P tuples of K targets, K draws of a source.
"""

import dataclasses
import math

import pytest
import torch

from erpo_explore.erpo import objective, reused_loss, step_loss
from erpo_explore.erpo.conditional import allowed_log_p
from erpo_explore.erpo.draw import shifted
from erpo_explore.erpo.reuse import clipped_losses
from erpo_explore.seq2seq import LstmConfig, TransformerConfig, build_model
from erpo_explore.space import Estimator, Point, Reward

from .test_groups import COPIES, MAX_TOKENS, NUM_STEPS, SIZES, WORDS, World
from .tiny import NUM_TOKENS, PAD, gradient, memory_of, reference_of, reward_of, seeded, source_of, tiny_model, z_scores

CLIP = 0.1
MODELS = {
    "lstm": LstmConfig(hidden_size=8, dropout=0.3),
    "transformer": TransformerConfig(hidden_size=8, heads=2, layers=1, feed_forward=8, dropout=0.3),
}


def point(K=2, baseline="leave_one_out", **settings):
    estimator = Estimator(samples=K, baseline=baseline, reuse=3, clip=CLIP)
    return Point(reward=Reward(task=1.0, metric="edit"), alpha=math.inf, beta=0.0, estimator=estimator, **settings)


@pytest.fixture(autouse=True)
def few_targets(monkeypatch):
    monkeypatch.setattr(objective, "_LENGTH_SLACK", MAX_TOKENS - len(WORDS) - 1)


def inputs(a_point, model, copies, seed):
    return a_point, reward_of(a_point), model, *source_of(copies), reference_of(WORDS, copies), seeded(seed)


def token_log_p(model, exact):
    """[N, L]: log p of each token, 0 after the end; with gradient."""
    logits_NLV = model.decode(memory_of(model, len(exact.tokens_NL)), shifted(exact.tokens_NL, exact.symbols))
    log_p_NL = allowed_log_p(logits_NLV, exact.symbols).gather(2, exact.tokens_NL[..., None])[..., 0]
    return torch.where(exact.keep_NL, log_p_NL, 0.0)


@pytest.mark.parametrize("K", SIZES)
def test_the_mean_gradient_of_a_later_step_is_that_of_the_clipped_surrogate(K):
    old, model, a_point = tiny_model(), tiny_model(), point(K)
    with torch.no_grad():  # as further steps would leave it
        for index, parameter in enumerate(model.parameters()):
            parameter.add_(0.15 * torch.randn(parameter.shape, generator=seeded(index)))
    world = World(a_point, old)
    old_NL, new_NL = token_log_p(old, world.exact).detach(), token_log_p(model, world.exact)
    ratio_NL = (new_NL - old_NL).exp()
    assert (ratio_NL > 1.0 + CLIP).any()
    assert (ratio_NL < 1.0 - CLIP).any()

    def surrogate(numbers_PK):
        reward_PK = world.reward_N[numbers_PK]
        A_PK1 = (reward_PK - (reward_PK.sum(1, keepdim=True) - reward_PK) / (K - 1))[..., None]
        ratio_PKL = ratio_NL[numbers_PK]
        clipped_PKL = ratio_PKL.clamp(1.0 - CLIP, 1.0 + CLIP)
        terms_PKL = torch.minimum(ratio_PKL * A_PK1, clipped_PKL * A_PK1)
        return -(terms_PKL * world.exact.keep_NL[numbers_PK]).sum(2).mean(1)

    exact_P = gradient(world.expected(surrogate), model)
    found = []
    for seed in range(NUM_STEPS):
        first = inputs(a_point, old, COPIES, seed)
        later = inputs(a_point, model, COPIES, seed)
        outcome = reused_loss(*later, step_loss(*first).kept)
        found.append(gradient(outcome.loss * outcome.num_units / COPIES, model))
    assert z_scores(torch.stack(found), exact_P).max() < 6.0


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize(
    "a_point",
    [point(), point(baseline="self_critical", forced=0.4), point(anchor="frozen", kappa=0.5)],
    ids=["leave one out", "forced", "penalty"],
)
def test_at_unchanged_weights_the_next_step_has_the_gradient_of_the_first(a_point, kind):
    """The ratio is 1: dropout masks are those of the first step."""
    model = build_model(MODELS[kind], NUM_TOKENS, NUM_TOKENS, pad=PAD, generator=seeded(5)).train()
    anchors = {"frozen": tiny_model()}
    first = step_loss(*inputs(a_point, model, 8, 0), anchors)
    state = model.dropout_generator.get_state()
    again = reused_loss(*inputs(a_point, model, 8, 0), first.kept, anchors)
    torch.testing.assert_close(gradient(again.loss, model), gradient(first.loss, model), rtol=1e-3, atol=1e-6)
    assert torch.equal(model.dropout_generator.get_state(), state)


def test_the_first_step_is_that_without_reuse():
    plain = dataclasses.replace(point(), estimator=Estimator(samples=2, baseline="leave_one_out"))
    model = tiny_model()
    one, other = step_loss(*inputs(point(), model, 8, 0)), step_loss(*inputs(plain, model, 8, 0))
    assert torch.equal(one.loss, other.loss)
    assert torch.equal(gradient(one.loss, model), gradient(other.loss, model))
    assert other.kept is None


@pytest.mark.parametrize("clip", [1e-4, 1e4])
@pytest.mark.parametrize("weight", [-1e4, -1e-4, 1e-4, 1e4])
def test_extreme_ratios_and_weights_have_finite_gradients(clip, weight):
    log_ratio_N = torch.linspace(-60.0, 60.0, 13).requires_grad_()
    clipped_losses(log_ratio_N, torch.full((13,), weight), clip).sum().backward()
    assert log_ratio_N.grad.isfinite().all()


def test_a_label_whose_probability_has_changed_enough_has_no_gradient():
    log_ratio_N = torch.tensor([0.0, 0.3, -0.3, 0.3, -0.3], requires_grad=True)
    weight_N = torch.tensor([1.0, 1.0, 1.0, -1.0, -1.0])
    clipped_losses(log_ratio_N, weight_N, 0.2).sum().backward()
    assert (log_ratio_N.grad != 0.0).tolist() == [True, False, True, True, False]
