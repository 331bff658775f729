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
from erpo_explore.search.streams import keyed_generator as keyed
from erpo_explore.space import Path, Point, Reward, algorithm
from erpo_explore.space.reward import TOKEN_METRICS
from tests.examples import fewer

from .strategies import FREE_WEIGHTS, TRUTH, searches, seeds

MIXTURE = Point(reward=Reward(truth=0.4, noise=0.1, task=0.3, model=0.2, temperature=0.1), alpha=0.5, beta=0.5)


def value_of(point, name):
    return getattr(point.reward if name in (*FREE_WEIGHTS, "temperature") else point, name)


def assert_in_ranges(point, search):
    for name, (low, high) in search.ranges.items():
        # ρ and τ are computed from α and β, and scaling to 1 rounds
        assert low * (1.0 - 1e-9) - 1e-12 <= value_of(point, name) <= high * (1.0 + 1e-9) + 1e-12, name


def assert_on_the_simplex(point):
    assert math.fsum(point.reward.weights) == pytest.approx(1.0, abs=1e-12)
    assert min(point.reward.weights) >= 0.0


@given(searches(), seeds)
def test_random_point_lies_in_the_ranges_and_on_the_simplex(search, seed):
    point = random_point(search, "bleu", keyed(seed))
    assert_in_ranges(point, search)
    assert_on_the_simplex(point)


@given(searches(), seeds)
def test_repeatedly_perturbed_point_stays_in_the_ranges_and_on_the_simplex(search, seed):
    point = MIXTURE
    for generation in range(5):
        point = perturb(point, search, "bleu", keyed(seed, generation))
        assert_in_ranges(point, search)
        assert_on_the_simplex(point)


@given(searches(start=MIXTURE), seeds)
def test_coordinates_that_are_not_searched_are_those_of_the_start(search, seed):
    held = [name for name in ("temperature", "rho", "tau") if name not in search.ranges]
    for point in (
        random_point(search, "bleu", keyed(seed)),
        perturb(MIXTURE, search, "bleu", keyed(seed)),
    ):
        assert [value_of(point, name) for name in held] == pytest.approx([value_of(MIXTURE, name) for name in held])


@given(searches(), seeds, st.sampled_from(TOKEN_METRICS))
def test_categories_are_those_of_the_search_or_one_of_its_choices(search, seed, metric):
    fixed = {"metric": search.metric or metric, "prefix": search.prefix, "label": search.label}
    for point in (
        start_point(search, metric),
        random_point(search, metric, keyed(seed)),
        perturb(MIXTURE, search, metric, keyed(seed)),
    ):
        categories = {"metric": point.reward.metric, "prefix": point.prefix, "label": point.label}
        assert all(value in search.choices.get(name, (fixed[name],)) for name, value in categories.items())


@pytest.mark.parametrize("resample", [0.0, 0.3, 1.0])
def test_category_is_resampled_with_its_probability(resample):
    search = Search(ranges={}, choices={"label": ("sampled", "expected", "truth")}, resample=resample, p_start=0.0)
    generator = keyed(3)
    labels = Counter(perturb(TRUTH, search, "bleu", generator).label for _ in range(600))
    # a third of the resampled categories are the old one
    expected = {"sampled": 1.0 - resample * 2.0 / 3.0, "expected": resample / 3.0, "truth": resample / 3.0}
    assert {name: labels[name] / 600 for name in expected} == pytest.approx(expected, abs=0.06)


def test_order_of_ranges_does_not_matter():
    ranges = {"task": (0.0, 0.4), "tau": (0.5, 2.0), "model": (0.0, 0.3)}
    written, reversed_ = (Search(ranges=dict(items)) for items in (ranges.items(), reversed(ranges.items())))
    assert perturb(MIXTURE, written, "bleu", keyed(1)) == perturb(MIXTURE, reversed_, "bleu", keyed(1))


@given(searches(), st.lists(seeds, min_size=1, max_size=3))
def test_same_key_draws_the_same(search, key):
    assert random_point(search, "bleu", keyed(*key)) == random_point(search, "bleu", keyed(*key))
    assert perturb(MIXTURE, search, "bleu", keyed(*key)) == perturb(MIXTURE, search, "bleu", keyed(*key))


@pytest.mark.parametrize("other", [(1, 2), (2, 1, 3), (1, 2, 4), (1, 2, 3, 4)])
def test_other_keys_draw_other_points(other):
    search = Search(ranges={"task": (0.0, 1.0)}, p_lowest=0.0)
    assert random_point(search, "bleu", keyed(1, 2, 3)) != random_point(search, "bleu", keyed(*other))


def test_members_begin_at_the_start():
    search = Search(start=MIXTURE, prefix="model", label="expected", metric="edit")
    point = start_point(search, "bleu")
    assert point.reward.weights == MIXTURE.reward.weights
    assert (point.alpha, point.beta, point.reward.temperature) == (0.5, 0.5, 0.1)


def drawn(name, low, high, number=1500):
    search = Search(ranges={name: (low, high)}, p_lowest=0.0)
    generator = keyed(1)
    return np.array([value_of(random_point(search, "bleu", generator), name) for _ in range(number)])


@pytest.mark.parametrize("name", ["temperature", "tau"])
def test_temperatures_are_log_uniform(name):
    assert stats.kstest(drawn(name, 1e-3, 10.0), stats.loguniform(1e-3, 10.0).cdf).pvalue > 0.01


@pytest.mark.parametrize("name", ["noise", "task", "model", "rho"])
def test_weights_and_rho_are_uniform(name):
    assert stats.kstest(drawn(name, 0.1, 0.9), stats.uniform(0.1, 0.8).cdf).pvalue > 0.01


@pytest.mark.parametrize(
    ("name", "low", "high", "middle", "share"),
    [
        ("task", 0.2, 0.8, Reward(truth=0.5, task=0.5), lambda value: (value - 0.5) / 0.6),
        ("temperature", 1e-4, 1.0, Reward(task=1.0, temperature=1e-2), lambda value: math.log(value / 1e-2, 1e4)),
    ],
)
def test_perturbation_is_normal_with_a_fifth_of_the_range(name, low, high, middle, share):
    search = Search(ranges={name: (low, high)}, resample=0.0, p_start=0.0)
    generator = keyed(2)
    shifts = [share(value_of(perturb(Point(reward=middle), search, "bleu", generator), name)) for _ in range(1500)]
    inside = [shift for shift in shifts if abs(shift) < 0.4999]
    assert len(inside) / len(shifts) == pytest.approx(stats.norm.cdf(2.5) - stats.norm.cdf(-2.5), abs=0.01)
    assert stats.kstest(inside, stats.truncnorm(-2.5, 2.5, scale=0.2).cdf).pvalue > 0.01


@given(seeds)
def test_resampling_with_probability_1_forgets_the_point(seed):
    ranges = {"task": (0.0, 0.4), "model": (0.0, 0.3), "temperature": (0.02, 0.5), "rho": (0.0, 1.0)}
    search = Search(ranges=ranges | {"noise": (0.0, 0.1), "tau": (0.5, 2.0)}, resample=1.0)
    assert perturb(TRUTH, search, "bleu", keyed(seed)) == perturb(MIXTURE, search, "bleu", keyed(seed))


class TestGrid:
    def test_every_combination_of_levels_from_bound_to_bound(self):
        search = Search(ranges={"task": (0.0, 0.4), "model": (0.1, 0.3), "temperature": (0.01, 1.0)}, levels=3)
        points = grid_points(search, "bleu")
        assert len(points) == len(set(points)) == 27
        met = {(p.reward.task, p.reward.model, p.reward.temperature) for p in points}
        expected = itertools.product((0.0, 0.2, 0.4), (0.1, 0.2, 0.3), (0.01, 0.1, 1.0))
        assert sorted(met) == [pytest.approx(combination) for combination in sorted(expected)]

    @fewer(3)
    @given(searches(), st.integers(1, 3))
    def test_points_lie_in_the_ranges_and_on_the_simplex(self, search, levels):
        search = search.model_copy(update={"levels": levels})
        points = grid_points(search, "bleu")
        for point in points:
            assert_in_ranges(point, search)
            assert_on_the_simplex(point)
        num_choices = math.prod(map(len, search.choices.values()))
        assert 1 <= len(points) == len(set(points)) <= levels ** len(search.ranges) * num_choices

    def test_every_combination_with_every_choice(self):
        choices = {"metric": ("bleu", "edit"), "prefix": ("q", "truth")}
        points = grid_points(Search(ranges={"task": (0.1, 0.4)}, levels=2, choices=choices), "rouge")
        met = {(point.reward.task, point.reward.metric, point.prefix) for point in points}
        assert met == set(itertools.product((0.1, 0.4), *choices.values()))
        assert len(points) == 8

    def test_points_outside_of_the_simplex_are_left_out_and_its_edge_is_kept(self):
        search = Search(ranges={"task": (0.0, 1.0), "model": (0.0, 1.0), "noise": (0.0, 1.0)}, levels=11)
        points = grid_points(search, "bleu")
        met = {tuple(round(10 * weight) for weight in point.reward.weights[1:]) for point in points}
        assert met == {counts for counts in itertools.product(range(11), repeat=3) if sum(counts) <= 10}

    def test_single_level_is_the_lower_bound(self):
        search = Search(ranges={"task": (0.2, 0.4), "temperature": (0.01, 1.0)}, levels=1)
        assert [(p.reward.task, p.reward.temperature) for p in grid_points(search, "bleu")] == [(0.2, 0.01)]

    def test_no_ranges_give_the_start_alone(self):
        assert grid_points(Search(ranges={}, start=MIXTURE), "bleu") == [MIXTURE]

    def test_ranges_without_a_point_on_the_simplex_raise(self):
        search = Search(ranges={"task": (0.8, 1.0), "model": (0.5, 1.0)})
        with pytest.raises(ConfigError, match=r"search\.ranges .*simplex"):
            grid_points(search, "bleu")


FEW = {"noise": (0.0, 0.3), "task": (0.0, 0.3), "temperature": (0.02, 0.5)}


class TestResampling:
    @pytest.mark.parametrize("p_lowest", [0.0, 0.5, 1.0])
    def test_weights_are_lowest_with_their_probability_and_temperatures_never(self, p_lowest):
        search = Search(ranges=FEW, p_lowest=p_lowest)
        points = [random_point(search, "bleu", keyed(seed)) for seed in range(400)]
        for name in ("noise", "task"):
            assert np.mean([value_of(point, name) == 0.0 for point in points]) == pytest.approx(p_lowest, abs=0.07)
        assert len({point.reward.temperature for point in points}) == 400

    def test_other_weights_are_uniform(self):
        search = Search(ranges=FEW, p_lowest=0.5)
        drawn = [random_point(search, "bleu", keyed(seed)).reward.noise for seed in range(800)]
        assert stats.kstest([noise / 0.3 for noise in drawn if noise > 0.0], "uniform").pvalue > 0.001

    @pytest.mark.parametrize("p_start", [0.0, 0.4, 1.0])
    def test_knot_is_the_start_with_its_probability(self, p_start):
        search = Search(ranges=FEW, p_start=p_start, resample=0.0)
        start = nearest_knot(start_point(search, "bleu"), search, "bleu")
        knots = [perturb(MIXTURE, search, "bleu", keyed(seed)) for seed in range(400)]
        assert np.mean([point == start for point in knots]) == pytest.approx(p_start, abs=0.07)


GRPO = algorithm("grpo", samples=4).path("rouge").end
RLOO = algorithm("rloo").path("rouge").end


class TestCandidates:
    search = Search(candidates={"grpo": {"samples": 4}, "rloo": {}}, p_candidate=0.3)

    def test_candidates_share_the_probability(self):
        generator = keyed(1)
        for knots in (
            [perturb(MIXTURE, self.search, "rouge", generator) for _ in range(600)],
            [first_knot(self.search, "rouge", generator) for _ in range(600)],
        ):
            shares = [sum(knot == candidate for knot in knots) / 600 for candidate in (GRPO, RLOO)]
            assert shares == pytest.approx([0.15, 0.15], abs=0.05)

    @given(seeds)
    def test_other_knots_lie_in_the_ranges(self, seed):
        knot = perturb(MIXTURE, self.search, "rouge", keyed(seed))
        if knot not in (GRPO, RLOO):
            assert_in_ranges(knot, self.search)

    def test_path_stays_at_a_candidate_with_probability_one_half(self):
        generator = keyed(2)
        knots = [perturb(GRPO, self.search, "rouge", generator) for _ in range(600)]
        left = [knot for knot in knots if knot != GRPO]
        assert len(left) / 600 == pytest.approx(0.5, abs=0.06)
        for knot in left:
            assert_in_ranges(knot, self.search)

    def test_path_to_a_candidate_and_back_is_a_blend(self):
        path = Path(knots=((0.0, TRUTH), (0.2, MIXTURE), (0.4, GRPO), (0.6, TRUTH)))
        assert [path.at(progress) for progress in (0.2, 0.4, 0.6)] == [MIXTURE, GRPO, TRUTH]
        assert [part for _, part in path.at(0.3).parts] == [MIXTURE, GRPO]
        assert [part for _, part in path.at(0.5).parts] == [GRPO, TRUTH]

    @given(seeds)
    def test_perturbing_a_blend_perturbs_its_main_part(self, seed):
        search = Search(ranges={"task": (0.1, 0.5)}, p_start=0.0)
        blend = Point.blended([(0.6, MIXTURE), (0.4, GRPO)])
        assert perturb(blend, search, "bleu", keyed(seed)) == perturb(MIXTURE, search, "bleu", keyed(seed))

    @given(searches(), seeds)
    def test_no_candidates_leave_the_draws_unchanged(self, search, seed):
        assert perturb(MIXTURE, search, "bleu", keyed(seed)) == perturb(
            MIXTURE, search.model_copy(update={"p_candidate": 1.0}), "bleu", keyed(seed)
        )
