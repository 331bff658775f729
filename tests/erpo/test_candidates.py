"""Candidates of a frozen model: which they are, how often each is drawn, and the gradient."""

import pytest
import torch

from erpo_explore.erpo import enumerate_targets, step_loss
from erpo_explore.erpo.candidates import candidate_weights, draw_candidates, find_candidates, joined
from erpo_explore.space import Estimator, Point, Reward

from .tiny import (
    PAD,
    SYMBOLS,
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

MAX_TOKENS, NUM_STEPS, COPIES = 3, 12, 256
SIZES = (2, 4)


def point(K, beta=0.5):
    estimator = Estimator(kind="candidates", samples=K)
    reward = Reward(task=1.0, metric="edit", temperature=0.7)
    return Point(reward=reward, alpha=0.0, beta=beta, estimator=estimator, anchor="frozen")


def found_of(a_point, model, K, copies=1):
    return find_candidates(
        model,
        reward_of(a_point),
        memory_of(model, copies),
        reference_of(copies=copies),
        max_tokens=MAX_TOKENS,
        number=K,
    )


def best_by_enumeration(a_point, model, K):
    """The K likeliest finished targets, and their q among them."""
    plain = Point(reward=a_point.reward, alpha=1.0, beta=1.0)
    exact = enumerate_targets(plain, reward_of(plain), model, memory_of(model), reference_of(), MAX_TOKENS)
    log_p_N = sequence_log_p(model, exact.tokens_NL, exact.keep_NL, allowed=False)
    log_p_N = log_p_N.masked_fill(~exact.finished_N, -torch.inf)
    best_K = log_p_N.topk(K).indices
    q_K = (exact.reward_N[best_K] / a_point.tau).softmax(0)
    return exact.tokens_NL[best_K], q_K


@pytest.mark.parametrize("K", SIZES)
def test_candidates_are_what_the_beam_finds_with_the_reward_of_each(K):
    a_point, model = point(K), tiny_model(seed=9)
    found = found_of(a_point, model, K)
    score_N = reward_of(a_point).score(reference_of(copies=K), found.tokens_BKT[0], found.keep_BKT[0])
    torch.testing.assert_close(found.reward_BK[0], score_N * a_point.reward.temperature)
    log_p_K = sequence_log_p(model, found.tokens_BKT[0], found.keep_BKT[0], allowed=False)
    assert (log_p_K.diff() <= 0.0).all()


def test_a_beam_as_wide_as_the_world_finds_the_likeliest_targets():
    """All 13 finished targets of at most three tokens have a slot, beside the open ones."""
    a_point, model = point(40), tiny_model(seed=9)
    tokens_KL, q_K = best_by_enumeration(a_point, model, 13)
    found = found_of(a_point, model, 40)
    assert torch.equal(found.tokens_BKT[0, :13], tokens_KL)
    weight_K = candidate_weights(found, a_point.tau * a_point.reward.temperature)[0]
    torch.testing.assert_close(weight_K, torch.nn.functional.pad(q_K, (0, 27)))


@pytest.mark.parametrize("K", SIZES)
def test_the_mean_gradient_is_that_of_q(K):
    a_point, anchor, model = point(K), tiny_model(seed=9), tiny_model()
    found = found_of(a_point, anchor, K, COPIES)
    q_K = (found.reward_BK[0] / a_point.reward.temperature / a_point.tau).softmax(0)
    log_p_K = sequence_log_p(model, found.tokens_BKT[0], found.keep_BKT[0], allowed=False)
    exact_P = gradient(-(q_K * log_p_K).sum(), model)
    gradients = []
    for seed in range(NUM_STEPS):
        given = (a_point, reward_of(a_point), model, *source_of(COPIES), reference_of(copies=COPIES), seeded(seed))
        outcome = step_loss(*given, candidates=found)
        gradients.append(gradient(outcome.loss * outcome.num_units / COPIES, model))
    assert z_scores(torch.stack(gradients), exact_P).max() < 6.0


def test_where_the_beam_finds_fewer_the_rest_is_never_drawn():
    a_point, model = point(20), tiny_model(seed=9)
    found = found_of(a_point, model, 20)
    assert found.reward_BK.isneginf().any()
    many = found.take(torch.zeros(200, dtype=torch.long))
    drawn = draw_candidates(many, SYMBOLS, tau=1e4, reward_temperature=1.0, generator=seeded(0))
    assert drawn.keep_RT.any(1).all()
    assert drawn.reward_R.isfinite().all()


@pytest.mark.parametrize("temperature", [1e-4, 1e4])
def test_extreme_temperatures_give_weights_that_sum_to_1(temperature):
    found = found_of(point(4), tiny_model(seed=9), 4)
    weight_BK = candidate_weights(found, temperature)
    assert float(weight_BK.sum()) == pytest.approx(1.0)
    assert (weight_BK >= 0.0).all()


def test_batches_of_different_width_are_joined_in_the_order_that_is_asked():
    a_point, model = point(2), tiny_model(seed=9)
    one, other = found_of(a_point, model, 2), found_of(a_point, tiny_model(), 2)
    narrow = type(one)(tokens_BKT=one.tokens_BKT[..., :1], keep_BKT=one.keep_BKT[..., :1], reward_BK=one.reward_BK)
    whole = joined([other, narrow], torch.tensor([1, 0]), SYMBOLS)
    assert torch.equal(whole.reward_BK, torch.cat([one.reward_BK, other.reward_BK]))
    assert torch.equal(whole.keep_BKT, whole.tokens_BKT != PAD)
    assert torch.equal(whole.tokens_BKT[0, :, 0], one.tokens_BKT[0, :, 0])


def test_without_candidates_a_step_is_an_error():
    given = (point(2), reward_of(point(2)), tiny_model(), *source_of(2), reference_of(copies=2), seeded(0))
    with pytest.raises(ValueError, match="the step has no candidates, which the point draws from"):
        step_loss(*given)
