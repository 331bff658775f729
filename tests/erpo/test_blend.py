"""A step at a blend: which sources are trained at which point, and that its mean gradient is that of the mixture."""

import math

import pytest
import torch

from erpo_explore.erpo import assign_sources, merge_outcomes, step_loss
from erpo_explore.rewards import MixtureReward
from erpo_explore.space import Estimator, Point, algorithm

from .expected import exact_loss, source_loss, step, task
from .tiny import UNIGRAM_V, gradient, seeded, source_of, tiny_model, z_scores
from .worlds import padded

MLE, SMOOTHED = (algorithm(name).path("bleu").end for name in ("mle", "label_smoothing"))
RLOO = task(math.inf, 0.0, estimator=Estimator(samples=2, baseline="leave_one_out"))
RAML = task(0.0, 0.7, "edit")
NUM_STEPS, SOURCES = 16, 256


@pytest.fixture(scope="module")
def model():
    return tiny_model()


def counts(point, num_sources, generator):
    return {part: len(row_n) for part, row_n in assign_sources(point, num_sources, generator)}


class TestSources:
    @pytest.mark.parametrize("shares", [(0.7, 0.3), (0.01, 0.99), (0.5, 0.3, 0.2)])
    def test_each_source_is_trained_at_one_point(self, shares):
        point = Point.blended(list(zip(shares, (MLE, RLOO, RAML), strict=False)))
        for seed in range(20):
            rows = torch.cat([row_n for _, row_n in assign_sources(point, 13, seeded(seed))])
            assert sorted(rows.tolist()) == list(range(13))

    @pytest.mark.parametrize("shares", [(0.7, 0.3), (0.02, 0.98), (0.5, 0.3, 0.2)])
    def test_numbers_are_within_one_of_the_shares_and_equal_them_in_the_mean(self, shares):
        points = (MLE, RLOO, RAML)[: len(shares)]
        point, generator, num_draws = Point.blended(list(zip(shares, points, strict=True))), seeded(0), 4_000
        drawn = [counts(point, 7, generator) for _ in range(num_draws)]
        for share, part in zip(shares, points, strict=True):
            numbers = torch.tensor([each.get(part, 0) for each in drawn], dtype=torch.float64)
            assert ((numbers - 7 * share).abs() < 1.0 + 1e-9).all()
            assert abs(float(numbers.mean()) - 7 * share) < 5.0 * float(numbers.std()) / num_draws**0.5 + 1e-9

    def test_every_source_is_as_likely_as_the_others(self):
        point, generator = Point.blended([(0.75, MLE), (0.25, RLOO)]), seeded(0)
        hits_B = torch.zeros(8)
        for _ in range(4_000):
            hits_B[dict(assign_sources(point, 8, generator))[RLOO]] += 1.0
        assert ((hits_B - 1_000).abs() < 5.0 * (4_000 * 0.25 * 0.75) ** 0.5).all()

    def test_a_point_alone_draws_nothing(self):
        generator = seeded(3)
        [(point, row_B)] = assign_sources(RLOO, 5, generator)
        assert (point, row_B.tolist()) == (RLOO, [0, 1, 2, 3, 4])
        assert torch.equal(generator.get_state(), seeded(3).get_state())


def blended_loss(point, model, seed):
    """A step of one source many times; each part's loss is summed over the labels of a source, which has no bias."""
    parts = assign_sources(point, SOURCES, seeded(seed))
    losses = [
        len(row_n) / SOURCES * source_loss(step(part, model, copies=len(row_n), seed=seed + 1), len(row_n))
        for part, row_n in parts
    ]
    return sum(losses, torch.zeros(()))


@pytest.mark.parametrize(
    "parts",
    [[(0.7, MLE), (0.3, RLOO)], [(0.5, RAML), (0.5, RLOO)], [(0.6, MLE), (0.25, RAML), (0.15, RLOO)]],
    ids=["mle and rloo", "raml and rloo", "three"],
)
def test_the_mean_gradient_is_that_of_the_mixture(parts, model):
    exact_P = sum(share * gradient(exact_loss(point, model), model) for share, point in parts)
    point = Point.blended(parts)
    found = [gradient(blended_loss(point, model, 10 * seed), model) for seed in range(NUM_STEPS)]
    assert z_scores(torch.stack(found), exact_P).max() < 6.0


def test_over_many_draws_of_the_sources_the_gradient_converges(model):
    """Four different references, two exact losses: what is random is which source is trained where."""
    reference = padded((4, 5), (5, 6), (6, 4), (4, 4))
    source_BS, keep_BS = source_of(4)
    point = Point.blended([(0.6, MLE), (0.4, SMOOTHED)])

    def part_gradient(part, row_n):
        reward = MixtureReward(part.reward, UNIGRAM_V)
        outcome = step_loss(part, reward, model, source_BS[row_n], keep_BS[row_n], reference.take(row_n), seeded(0))
        return gradient(outcome.loss, model)

    whole = torch.arange(4)
    exact_P = 0.6 * part_gradient(MLE, whole) + 0.4 * part_gradient(SMOOTHED, whole)
    generator = seeded(1)
    found = torch.stack(
        [
            sum(len(row_n) / 4 * part_gradient(part, row_n) for part, row_n in assign_sources(point, 4, generator))
            for _ in range(400)
        ]
    )
    assert z_scores(found, exact_P).max() < 6.0
    error = [float((found[:num].mean(0) - exact_P).norm()) for num in (4, 400)]
    assert error[1] < 0.3 * error[0]


def test_the_outcome_weights_each_part_by_its_sources(model):
    outcomes = [(step(MLE, model, copies=6), 6), (step(RLOO, model, copies=2), 2)]
    merged = merge_outcomes(outcomes)
    torch.testing.assert_close(merged.loss, 0.75 * outcomes[0][0].loss + 0.25 * outcomes[1][0].loss)
    assert merged.num_tokens == sum(outcome.num_tokens for outcome, _ in outcomes)
    assert merged.mean_reward == outcomes[1][0].mean_reward
    assert merge_outcomes(outcomes[:1]) is outcomes[0][0]


def test_a_blend_is_no_point_of_the_oracles(model):
    with pytest.raises(ValueError, match="a blend is trained part by part"):
        step(Point.blended([(0.5, MLE), (0.5, RLOO)]), model, copies=2)
