import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erpo_explore.config.search import Search
from erpo_explore.search import bandit
from erpo_explore.search.bandit import Position, propose
from erpo_explore.search.gains import Gain
from erpo_explore.search.proposals import move, random_point, rng
from erpo_explore.search.region import Region
from erpo_explore.space import Point, Reward, algorithm

from .strategies import searches, seeds

SEARCH = Search(
    ranges={"task": (0.0, 0.4), "model": (0.0, 0.3)}, choices={"label": ("sampled", "expected")}, propose="bandit"
)
REGION = Region.of(SEARCH, "bleu")
MIDDLE = REGION.point(np.array([0.5, 0.5]), ("bleu", "q", "sampled"))


def quality(point, progress=0.5):
    """At most 1, at a place that moves with progress and with the second label."""
    unit, (_, _, label) = REGION.to_unit(point)
    best = np.array([0.3 + 0.5 * progress, 0.3])
    return 1.0 - 2.0 * float(((unit - best) ** 2).sum()) - 0.3 * (label == "sampled")


def gain_of(knot, progress, generator):
    value = 10.0 * np.exp(-3.0 * progress) * (quality(knot, progress) + 0.3 * generator.standard_normal())
    return Gain(progress=progress, score=20.0, start=knot, knot=knot, gain=float(value), intervals=1)


def some_gains(number, seed=1, search=SEARCH):
    generator = rng(seed)
    return [gain_of(random_point(search, "bleu", generator), 0.5, generator) for _ in range(number)]


def positions(number, end=MIDDLE):
    return [Position(end=end, score=20.0, progress=0.5) for _ in range(number)]


def walk(chooses, seed, *, members=6, intervals=5):
    """Mean quality of the knots of a population after its second interval; a quarter clones the best, as in PBT."""
    generator = rng(seed, 0)
    ends = [random_point(SEARCH, "bleu", generator) for _ in range(members)]
    scores, gains, qualities = np.zeros(members), [], []
    for interval in range(intervals):
        progress = interval / intervals
        new = [gain_of(end, progress, generator) for end in ends]
        gains += new
        qualities += [quality(end, progress) for end in ends] if interval >= 2 else []
        scores += [gain.gain for gain in new]
        best, worst = int(np.argmax(scores)), int(np.argmin(scores))
        scores[worst], ends[worst] = scores[best], ends[best]
        here = [
            Position(end=end, score=float(score), progress=progress + 1.0 / intervals)
            for end, score in zip(ends, scores, strict=True)
        ]
        if interval + 1 < intervals:
            ends = chooses(here, gains, rng(seed, 1, interval))
    return np.mean(qualities)


def by_bandit(here, gains, generator):
    return propose(here, gains, SEARCH, "bleu", generator)


def by_chance(here, gains, generator):
    return [move(position.end, SEARCH, "bleu", generator) for position in here]


def test_it_beats_random_perturbation_on_an_optimum_that_moves():
    better = [walk(by_bandit, seed) - walk(by_chance, seed) for seed in range(10)]
    assert sum(difference > 0.0 for difference in better) >= 7
    assert np.mean(better) > 0.05


def test_a_category_that_gains_more_is_chosen_more_often():
    knots = [propose(positions(4), some_gains(100, seed), SEARCH, "bleu", rng(seed)) for seed in range(6)]
    labels = Counter(knot.label for batch in knots for knot in batch)
    assert labels["expected"] >= 18


def test_members_of_a_batch_choose_different_knots():
    knots = propose(positions(5), some_gains(30), SEARCH, "bleu", rng(1))
    places = np.array([REGION.to_unit(knot)[0] for knot in knots])
    apart = np.abs(places[:, None] - places).max(axis=-1) + np.eye(5)
    assert apart.min() > 1e-3


def test_who_knows_what_the_others_chose_spreads_more(monkeypatch):
    def spread(seed):
        knots = propose(positions(6), some_gains(12, seed), SEARCH, "bleu", rng(seed))
        return np.std([REGION.to_unit(knot)[0] for knot in knots], axis=0).sum()

    informed = np.mean([spread(seed) for seed in range(5)])
    monkeypatch.setattr(bandit.GainModel, "imagine", lambda *_: None)
    assert informed > 1.3 * np.mean([spread(seed) for seed in range(5)])


def test_the_same_gains_and_generator_choose_the_same_even_in_a_fresh_process():
    program = (
        "from tests.search.test_bandit import *\n"
        "print([str(knot) for knot in propose(positions(3), some_gains(20), SEARCH, 'bleu', rng(7))])"
    )
    here = str([str(knot) for knot in propose(positions(3), some_gains(20), SEARCH, "bleu", rng(7))])
    fresh = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert fresh.strip() == here
    assert str([str(knot) for knot in propose(positions(3), some_gains(20), SEARCH, "bleu", rng(8))]) != here


@pytest.mark.parametrize("trust", [0.1, 0.5])
def test_a_knot_lies_in_the_box_around_the_paths_end(trust):
    search = SEARCH.model_copy(update={"trust": trust})
    for knot in propose(positions(4), some_gains(20), search, "bleu", rng(1)):
        assert np.abs(REGION.to_unit(knot)[0] - 0.5).max() <= 0.5 * trust + 1e-9


def test_with_few_gains_it_perturbs():
    assert propose(positions(3), some_gains(5), SEARCH, "bleu", rng(1)) == by_chance(positions(3), [], rng(1))
    assert propose(positions(3), some_gains(6), SEARCH, "bleu", rng(1)) != by_chance(positions(3), [], rng(1))


def test_gains_at_points_that_are_not_searched_are_left_out():
    strange = [
        Point(reward=Reward(truth=0.9, task=0.1), prefix="truth"),
        Point(reward=Reward(truth=0.5, task=0.5)),
        algorithm("raml_ngram", metric="bleu").end,
        algorithm("policy_gradient", metric="bleu").end,
    ]
    gains = [gain_of(knot, 0.5, rng(1)) for knot in strange * 3]
    assert propose(positions(2), gains, SEARCH, "bleu", rng(1)) == by_chance(positions(2), [], rng(1))


def test_maximum_likelihood_is_a_point_of_every_region_that_reaches_the_truth():
    assert REGION.holds(algorithm("mle", metric="bleu").end)
    assert not Region.of(Search(ranges={"task": (0.1, 0.4)}), "bleu").holds(algorithm("mle", metric="bleu").end)


def test_of_very_many_gains_the_nearest_in_progress_count():
    early = [gain_of(random_point(SEARCH, "bleu", rng(i)), 0.1, rng(i)) for i in range(300)]
    late = [gain_of(random_point(SEARCH, "bleu", rng(i)), 0.5, rng(i)) for i in range(300)]
    chosen = propose(positions(1), late, SEARCH, "bleu", rng(1))
    assert propose(positions(1), early + late, SEARCH, "bleu", rng(1)) == chosen


def test_nobody_to_choose_for_is_no_knot():
    assert propose([], some_gains(20), SEARCH, "bleu", rng(1)) == []


@settings(max_examples=8, deadline=None)
@given(st.booleans().flatmap(lambda monotone: searches(monotone=monotone)), seeds)
def test_a_chosen_knot_is_a_point_of_the_region_and_explores_no_less_where_that_is_asked(search, seed):
    region, generator = Region.of(search, "bleu"), rng(seed)
    end = random_point(search, "bleu", generator)
    gains = [gain_of(random_point(search, "bleu", generator), 0.5, generator) for _ in range(8)]
    for knot in propose(positions(2, end), gains, search, "bleu", generator):
        assert region.holds(knot)
        assert not search.monotone or knot.reward.truth <= end.reward.truth + 1e-9
        assert not search.monotone or knot.rho >= end.rho - 1e-9
