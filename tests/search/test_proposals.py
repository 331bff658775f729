import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from erpo_explore.config.search import Search
from erpo_explore.errors import ConfigError
from erpo_explore.search.proposals import first_knot, grid_points, nearest_knot, perturb, random_point, start_point
from erpo_explore.search.streams import keyed_generator
from erpo_explore.space import Path, Point, Reward, algorithm
from erpo_explore.space.reward import TOKEN_METRICS

from .strategies import MIXED, TRUTH, searches, seeds

MIXTURE = Point(reward=Reward(truth=0.4, noise=0.1, task=0.3, model=0.2, temperature=0.1), alpha=0.5, beta=0.5)


def value_of(point, name):
    return getattr(point.reward if name in (*MIXED, "temperature") else point, name)


def assert_in_ranges(point, search):
    for name, (low, high) in search.ranges.items():
        # ρ and τ are read off α and β, and a sum that is scaled to 1 is rounded
        assert low * (1.0 - 1e-9) - 1e-12 <= value_of(point, name) <= high * (1.0 + 1e-9) + 1e-12, name


def assert_on_the_simplex(point):
    assert math.fsum(point.reward.weights) == pytest.approx(1.0, abs=1e-12)
    assert min(point.reward.weights) >= 0.0


@given(searches(), seeds)
def test_a_random_point_lies_in_the_ranges_and_on_the_simplex(search, seed):
    point = random_point(search, "bleu", keyed_generator(seed))
    assert_in_ranges(point, search)
    assert_on_the_simplex(point)


@given(searches(), seeds)
def test_moved_again_and_again_a_point_stays_in_the_ranges_and_on_the_simplex(search, seed):
    point = MIXTURE
    for generation in range(5):
        point = perturb(point, search, "bleu", keyed_generator(seed, generation))
        assert_in_ranges(point, search)
        assert_on_the_simplex(point)


@given(searches(start=MIXTURE), seeds)
def test_what_is_not_searched_is_that_of_the_start(search, seed):
    held = [name for name in ("temperature", "rho", "tau") if name not in search.ranges]
    for point in (
        random_point(search, "bleu", keyed_generator(seed)),
        perturb(MIXTURE, search, "bleu", keyed_generator(seed)),
    ):
        assert [value_of(point, name) for name in held] == pytest.approx([value_of(MIXTURE, name) for name in held])


@given(searches(), seeds, st.sampled_from(TOKEN_METRICS))
def test_levers_and_metric_are_those_of_the_search_or_one_of_its_choices(search, seed, metric):
    fixed = {"metric": search.metric or metric, "prefix": search.prefix, "label": search.label}
    for point in (
        start_point(search, metric),
        random_point(search, metric, keyed_generator(seed)),
        perturb(MIXTURE, search, metric, keyed_generator(seed)),
    ):
        categories = {"metric": point.reward.metric, "prefix": point.prefix, "label": point.label}
        assert all(value in search.choices.get(name, (fixed[name],)) for name, value in categories.items())


@pytest.mark.parametrize("resample", [0.0, 0.3, 1.0])
def test_a_category_is_drawn_anew_with_the_chance_to_resample(resample):
    search = Search(ranges={}, choices={"label": ("sampled", "expected", "truth")}, resample=resample, p_start=0.0)
    generator = keyed_generator(3)
    labels = Counter(perturb(TRUTH, search, "bleu", generator).label for _ in range(600))
    # a third of what is drawn anew is what it was
    expected = {"sampled": 1.0 - resample * 2.0 / 3.0, "expected": resample / 3.0, "truth": resample / 3.0}
    assert {name: labels[name] / 600 for name in expected} == pytest.approx(expected, abs=0.06)


def test_the_order_in_which_ranges_are_written_does_not_matter():
    ranges = {"task": (0.0, 0.4), "tau": (0.5, 2.0), "model": (0.0, 0.3)}
    written, reversed_ = (Search(ranges=dict(items)) for items in (ranges.items(), reversed(ranges.items())))
    assert perturb(MIXTURE, written, "bleu", keyed_generator(1)) == perturb(
        MIXTURE, reversed_, "bleu", keyed_generator(1)
    )


@given(searches(), st.lists(seeds, min_size=1, max_size=3))
def test_the_same_key_draws_the_same(search, key):
    assert random_point(search, "bleu", keyed_generator(*key)) == random_point(search, "bleu", keyed_generator(*key))
    assert perturb(MIXTURE, search, "bleu", keyed_generator(*key)) == perturb(
        MIXTURE, search, "bleu", keyed_generator(*key)
    )


@pytest.mark.parametrize("other", [(1, 2), (2, 1, 3), (1, 2, 4), (1, 2, 3, 4)])
def test_another_key_draws_something_else(other):
    search = Search(ranges={"task": (0.0, 1.0)}, p_lowest=0.0)
    assert random_point(search, "bleu", keyed_generator(1, 2, 3)) != random_point(
        search, "bleu", keyed_generator(*other)
    )


def test_every_member_begins_at_the_start():
    search = Search(start=MIXTURE, prefix="model", label="expected", metric="edit")
    point = start_point(search, "bleu")
    assert point.reward.weights == MIXTURE.reward.weights
    assert (point.alpha, point.beta, point.reward.temperature) == (0.5, 0.5, 0.1)


def drawn(name, low, high, number=1500):
    search = Search(ranges={name: (low, high)}, p_lowest=0.0)
    generator = keyed_generator(1)
    return np.array([value_of(random_point(search, "bleu", generator), name) for _ in range(number)])


@pytest.mark.parametrize("name", ["temperature", "tau"])
def test_temperatures_are_drawn_uniformly_in_their_logarithm(name):
    assert stats.kstest(drawn(name, 1e-3, 10.0), stats.loguniform(1e-3, 10.0).cdf).pvalue > 0.01


@pytest.mark.parametrize("name", ["noise", "task", "model", "rho"])
def test_shares_are_drawn_uniformly(name):
    assert stats.kstest(drawn(name, 0.1, 0.9), stats.uniform(0.1, 0.8).cdf).pvalue > 0.01


@pytest.mark.parametrize(
    ("name", "low", "high", "middle", "share"),
    [
        ("task", 0.2, 0.8, Reward(truth=0.5, task=0.5), lambda value: (value - 0.5) / 0.6),
        ("temperature", 1e-4, 1.0, Reward(task=1.0, temperature=1e-2), lambda value: math.log(value / 1e-2, 1e4)),
    ],
)
def test_a_move_is_normal_with_a_fifth_of_the_range(name, low, high, middle, share):
    search = Search(ranges={name: (low, high)}, resample=0.0, p_start=0.0)
    generator = keyed_generator(2)
    shifts = [share(value_of(perturb(Point(reward=middle), search, "bleu", generator), name)) for _ in range(1500)]
    inside = [shift for shift in shifts if abs(shift) < 0.4999]
    assert len(inside) / len(shifts) == pytest.approx(stats.norm.cdf(2.5) - stats.norm.cdf(-2.5), abs=0.01)
    assert stats.kstest(inside, stats.truncnorm(-2.5, 2.5, scale=0.2).cdf).pvalue > 0.01


@given(seeds)
def test_with_a_chance_of_1_every_coordinate_is_drawn_anew_wherever_the_point_was(seed):
    ranges = {"task": (0.0, 0.4), "model": (0.0, 0.3), "temperature": (0.02, 0.5), "rho": (0.0, 1.0)}
    search = Search(ranges=ranges | {"noise": (0.0, 0.1), "tau": (0.5, 2.0)}, resample=1.0)
    assert perturb(TRUTH, search, "bleu", keyed_generator(seed)) == perturb(
        MIXTURE, search, "bleu", keyed_generator(seed)
    )


class TestGrid:
    def test_it_has_every_combination_of_levels_from_bound_to_bound(self):
        search = Search(ranges={"task": (0.0, 0.4), "model": (0.1, 0.3), "temperature": (0.01, 1.0)}, levels=3)
        points = grid_points(search, "bleu")
        assert len(points) == len(set(points)) == 27
        met = {(p.reward.task, p.reward.model, p.reward.temperature) for p in points}
        expected = itertools.product((0.0, 0.2, 0.4), (0.1, 0.2, 0.3), (0.01, 0.1, 1.0))
        assert sorted(met) == [pytest.approx(combination) for combination in sorted(expected)]

    @given(searches(), st.integers(1, 3))
    def test_its_points_lie_in_the_ranges_and_on_the_simplex(self, search, levels):
        search = search.model_copy(update={"levels": levels})
        points = grid_points(search, "bleu")
        for point in points:
            assert_in_ranges(point, search)
            assert_on_the_simplex(point)
        num_choices = math.prod(map(len, search.choices.values()))
        assert 1 <= len(points) == len(set(points)) <= levels ** len(search.ranges) * num_choices

    def test_it_has_every_combination_with_every_choice(self):
        choices = {"metric": ("bleu", "edit"), "prefix": ("q", "truth")}
        points = grid_points(Search(ranges={"task": (0.1, 0.4)}, levels=2, choices=choices), "rouge")
        met = {(point.reward.task, point.reward.metric, point.prefix) for point in points}
        assert met == set(itertools.product((0.1, 0.4), *choices.values()))
        assert len(points) == 8

    def test_what_does_not_fit_the_simplex_is_left_out_and_its_edge_is_not(self):
        search = Search(ranges={"task": (0.0, 1.0), "model": (0.0, 1.0), "noise": (0.0, 1.0)}, levels=11)
        points = grid_points(search, "bleu")
        met = {tuple(round(10 * weight) for weight in point.reward.weights[1:]) for point in points}
        assert met == {counts for counts in itertools.product(range(11), repeat=3) if sum(counts) <= 10}

    def test_one_level_is_the_lower_bound(self):
        search = Search(ranges={"task": (0.2, 0.4), "temperature": (0.01, 1.0)}, levels=1)
        assert [(p.reward.task, p.reward.temperature) for p in grid_points(search, "bleu")] == [(0.2, 0.01)]

    def test_nothing_to_search_is_the_start_alone(self):
        assert grid_points(Search(ranges={}, start=MIXTURE), "bleu") == [MIXTURE]

    def test_ranges_without_a_point_on_the_simplex_are_an_error(self):
        search = Search(ranges={"task": (0.8, 1.0), "model": (0.5, 1.0)})
        with pytest.raises(ConfigError, match=r"search\.ranges .*simplex"):
            grid_points(search, "bleu")


FEW = {"noise": (0.0, 0.3), "task": (0.0, 0.3), "temperature": (0.02, 0.5)}


class TestWhatIsDrawnAnew:
    @pytest.mark.parametrize("p_lowest", [0.0, 0.5, 1.0])
    def test_a_weight_is_left_out_with_its_chance_and_a_temperature_never_is(self, p_lowest):
        search = Search(ranges=FEW, p_lowest=p_lowest)
        points = [random_point(search, "bleu", keyed_generator(seed)) for seed in range(400)]
        for name in ("noise", "task"):
            assert np.mean([value_of(point, name) == 0.0 for point in points]) == pytest.approx(p_lowest, abs=0.07)
        assert len({point.reward.temperature for point in points}) == 400

    def test_what_is_there_is_uniform(self):
        search = Search(ranges=FEW, p_lowest=0.5)
        drawn = [random_point(search, "bleu", keyed_generator(seed)).reward.noise for seed in range(800)]
        assert stats.kstest([noise / 0.3 for noise in drawn if noise > 0.0], "uniform").pvalue > 0.001

    @pytest.mark.parametrize("p_start", [0.0, 0.4, 1.0])
    def test_a_knot_is_the_start_again_with_its_chance(self, p_start):
        search = Search(ranges=FEW, p_start=p_start, resample=0.0)
        start = nearest_knot(start_point(search, "bleu"), search, "bleu")
        moved = [perturb(MIXTURE, search, "bleu", keyed_generator(seed)) for seed in range(400)]
        assert np.mean([point == start for point in moved]) == pytest.approx(p_start, abs=0.07)


GRPO = algorithm("grpo", samples=4).path("rouge").end
RLOO = algorithm("rloo").path("rouge").end


class TestCandidates:
    search = Search(candidates={"grpo": {"samples": 4}, "rloo": {}}, p_candidate=0.3)

    def test_each_is_visited_with_its_share_of_the_chance(self):
        generator = keyed_generator(1)
        for knots in (
            [perturb(MIXTURE, self.search, "rouge", generator) for _ in range(600)],
            [first_knot(self.search, "rouge", generator) for _ in range(600)],
        ):
            shares = [sum(knot == candidate for knot in knots) / 600 for candidate in (GRPO, RLOO)]
            assert shares == pytest.approx([0.15, 0.15], abs=0.05)

    @given(seeds)
    def test_what_is_none_lies_in_the_ranges(self, seed):
        knot = perturb(MIXTURE, self.search, "rouge", keyed_generator(seed))
        if knot not in (GRPO, RLOO):
            assert_in_ranges(knot, self.search)

    def test_one_is_kept_with_a_chance_of_a_half_and_left_for_the_region(self):
        generator = keyed_generator(2)
        knots = [perturb(GRPO, self.search, "rouge", generator) for _ in range(600)]
        left = [knot for knot in knots if knot != GRPO]
        assert len(left) / 600 == pytest.approx(0.5, abs=0.06)
        for knot in left:
            assert_in_ranges(knot, self.search)

    def test_one_trains_from_its_knot_to_the_next(self):
        path = Path(knots=((0.0, TRUTH), (0.2, MIXTURE), (0.4, GRPO), (0.6, TRUTH)))
        assert [path.at(progress) for progress in (0.2, 0.39, 0.4, 0.59, 0.6)] == [MIXTURE, MIXTURE, GRPO, GRPO, TRUTH]

    @given(searches(), seeds)
    def test_without_any_nothing_else_is_drawn(self, search, seed):
        assert perturb(MIXTURE, search, "bleu", keyed_generator(seed)) == perturb(
            MIXTURE, search.model_copy(update={"p_candidate": 1.0}), "bleu", keyed_generator(seed)
        )
