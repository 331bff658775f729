import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from erpo_explore.config.search import COORDINATES, Search
from erpo_explore.search.proposals import grid_points, perturb, random_point, start_point
from erpo_explore.search.region import Region
from erpo_explore.search.streams import keyed_generator
from erpo_explore.space import Point, Reward
from erpo_explore.space.point import LABELS
from tests.checking import no_type_checks
from tests.space.strategies import points, rewards

from .strategies import TRUTH, choices, ranges_of, searches, seeds, temperatures, weights


def near(point):
    """Numbers of a point, compared up to rounding, and its categories."""
    reward, tau = point.reward, point.tau
    numbers = pytest.approx((*reward.weights, reward.temperature, point.rho, tau), rel=1e-9, abs=1e-9)
    return numbers, (reward.metric, reward.noise_kind, point.prefix, point.label, point.estimator, point.forced)


def exact(point):
    reward = point.reward
    numbers = (*reward.weights, reward.temperature, point.rho, point.tau)
    return numbers, (reward.metric, reward.noise_kind, point.prefix, point.label, point.estimator, point.forced)


def vector_and_categories(region, seed):
    """A unit vector, corners and faces included, and categories."""
    generator = keyed_generator(seed)
    unit = np.clip(generator.uniform(-0.3, 1.3, len(region.ranges)), 0.0, 1.0)
    metric, prefix, label = (str(generator.choice(values)) for values in region.choices)
    return unit, (metric, prefix, label)


@given(searches(), seeds)
def test_point_survives_the_round_trip(search, seed):
    region = Region.from_search(search, "bleu")
    point = region.point(*vector_and_categories(region, seed))
    assert exact(region.point(*region.to_unit(point))) == near(point)


@given(searches(), seeds)
def test_unit_vector_survives_the_round_trip_if_weights_fit_and_bounds_differ(search, seed):
    apart = {name: (low, high) for name, (low, high) in search.ranges.items() if high > 1.01 * low + 0.01}
    region = Region.from_search(search.model_copy(update={"ranges": apart}), "bleu")
    unit, categories = vector_and_categories(region, seed)
    assume(region.total_weight(unit) <= 1.0)
    again, chosen = region.to_unit(region.point(unit, categories))
    assert chosen == categories
    assert again.tolist() == pytest.approx(unit.tolist(), abs=1e-6)


@given(searches(), points)
def test_any_point_has_a_unit_vector_and_categories(search, point):
    region = Region.from_search(search, "bleu")
    unit, categories = region.to_unit(point)
    assert unit.shape == (len(search.ranges),)
    assert ((unit >= 0.0) & (unit <= 1.0)).all()
    assert all(value in values for value, values in zip(categories, region.choices, strict=True))


@pytest.mark.parametrize(("unit", "task", "temperature"), [(0.0, 0.1, 0.01), (0.5, 0.25, 0.1), (1.0, 0.4, 1.0)])
def test_middle_is_the_mean_of_weights_and_the_geometric_mean_of_temperatures(unit, task, temperature):
    region = Region.from_search(Search(ranges={"temperature": (0.01, 1.0), "task": (0.1, 0.4)}), "bleu")
    assert list(region.ranges) == ["task", "temperature"]
    reward = region.point(np.full(2, unit), ("bleu", "q", "sampled")).reward
    assert (reward.task, reward.temperature) == pytest.approx((task, temperature))


@given(ranges_of(temperatures))
def test_bounds_are_bit_equal(limits):
    region = Region.from_search(Search(ranges={"temperature": limits}), "bleu")
    ends = [region.point(np.array([unit]), ("bleu", "q", "sampled")).reward.temperature for unit in (0.0, 1.0)]
    assert ends == list(limits)


def test_a_point_has_the_rate_of_the_start():
    search = Search(ranges={"noise": (0.0, 0.5)}, start=replace(TRUTH, rate=0.3))
    region = Region.from_search(search, "bleu")
    assert region.point(np.array([0.5]), ("bleu", "q", "sampled")).rate == 0.3


def test_weights_above_1_are_scaled_back_and_leave_no_truth_weight():
    region = Region.from_search(Search(ranges={"task": (0.0, 1.0), "model": (0.0, 1.0), "noise": (0.0, 1.0)}), "bleu")
    reward = region.point(np.array([0.2, 0.8, 0.6]), ("bleu", "q", "sampled")).reward
    assert reward.weights == pytest.approx((0.0, 0.125, 0.5, 0.375))
    assert region.total_weight(np.array([0.2, 0.8, 0.6])) == pytest.approx(1.6)


def test_point_outside_of_the_region_gets_the_bound_and_the_first_choice():
    search = Search(ranges={"task": (0.1, 0.4), "tau": (0.5, 2.0)}, choices={"label": ("expected", "truth")})
    limit = Point(reward=Reward(task=1.0, metric="chrf"), alpha=math.inf, beta=0.0)
    unit, categories = Region.from_search(search, "rouge").to_unit(limit)
    assert unit.tolist() == [1.0, 1.0]
    assert categories == ("rouge", "q", "expected")


@st.composite
def accepted_searches(draw):
    """Any search that the schema accepts, with any start, blanks and bounds."""
    reward = draw(rewards())
    blank = draw(st.booleans())
    if blank:
        reward = Reward(
            **dict(zip(("truth", "noise", "task", "model"), reward.weights, strict=True)), noise_kind="blank"
        )
    positive = {"temperature", "tau"}
    ranges = draw(
        st.fixed_dictionaries(
            {}, optional={name: ranges_of(temperatures if name in positive else weights) for name in COORDINATES}
        )
    )
    alpha = 0.0 if blank and reward.noise > 0.0 else draw(weights)
    start = Point(reward=reward, alpha=alpha, beta=1.0, label="truth" if blank else "sampled")
    fields = {"choices": draw(choices), "label": draw(st.sampled_from(LABELS)), "resample": draw(weights)}
    try:
        with no_type_checks():
            return Search(ranges=ranges, start=start, levels=2, **fields)
    except ValueError:
        assume(False)


@given(accepted_searches(), seeds)
def test_every_proposed_point_is_valid(search, seed):
    """`Point` and `Reward` raise for invalid values, so returning a value is the assertion."""
    generator = keyed_generator(seed)
    for point in (start_point(search, "bleu"), random_point(search, "bleu", generator), TRUTH):
        perturbed = perturb(point, search, "rouge", generator)
        assert sum(perturbed.reward.weights) == pytest.approx(1.0)
        assert math.isfinite(perturbed.alpha)
    lowest = sum(
        search.ranges.get(name, (getattr(search.start.reward, name),))[0] for name in ("noise", "task", "model")
    )
    if lowest <= 1.0 and len(search.ranges) <= 3:
        assert grid_points(search, "bleu")
