import numpy as np
import pytest

from erpo_explore.config.search import Search
from erpo_explore.search.gain_model import GainModel
from erpo_explore.search.gains import Gain
from erpo_explore.search.proposals import rng
from erpo_explore.search.region import Region

REGION = Region.of(Search(ranges={"task": (0.0, 1.0)}, choices={"label": ("sampled", "expected")}), "bleu")
SAMPLED, EXPECTED = ("bleu", "q", "sampled"), ("bleu", "q", "expected")


def gain(unit, value, *, categories=SAMPLED, progress=0.5, score=20.0, intervals=1):
    knot = REGION.point(np.array([unit]), categories)
    return Gain(progress=progress, score=score, start=REGION.start, knot=knot, gain=value, intervals=intervals)


def hill(unit):
    return -((unit - 0.7) ** 2)


def hills(number=24, *, noise=0.02, seed=1, value=hill, **settings):
    generator = rng(seed)
    return [
        gain(unit, value(unit) + noise * generator.standard_normal(), **settings) for unit in generator.random(number)
    ]


def asked(model, units, categories=SAMPLED, progress=0.5, score=20.0, intervals=1):
    unit_MD = np.array(units, dtype=float)[:, None]
    chosen = [categories] * len(units)
    return model.columns(unit_MD, chosen, progress=progress, score=score, intervals=intervals)


UNITS = np.linspace(0.0, 1.0, 21)


def test_it_finds_the_top_of_a_hill():
    model = GainModel(REGION, hills(), rng(2))
    mean, _ = model.predict(asked(model, UNITS))
    assert UNITS[np.argmax(mean)] == pytest.approx(0.7, abs=0.051)


def test_a_category_that_gains_more_is_expected_to():
    data = hills() + hills(seed=3, value=lambda unit: hill(unit) + 0.3, categories=EXPECTED)
    model = GainModel(REGION, data, rng(2))
    worse, better = (model.predict(asked(model, UNITS, categories))[0] for categories in (SAMPLED, EXPECTED))
    assert (better > worse).all()


def test_what_gained_at_another_time_counts_less():
    early = hills(progress=0.1, value=lambda unit: -((unit - 0.1) ** 2))
    model = GainModel(REGION, early + hills(progress=0.9), rng(2))
    tops = [UNITS[np.argmax(model.predict(asked(model, UNITS, progress=t))[0])] for t in (0.1, 0.9)]
    assert tops == pytest.approx([0.1, 0.7], abs=0.11)


def test_what_gains_today_and_what_gains_tomorrow_are_told_apart():
    later = hills(seed=3, value=lambda unit: 10.0 * -((unit - 0.1) ** 2), intervals=4)
    model = GainModel(REGION, hills() + later, rng(2))
    tops = [UNITS[np.argmax(model.predict(asked(model, UNITS, intervals=n))[0])] for n in (1, 4)]
    assert tops == pytest.approx([0.7, 0.1], abs=0.11)


def test_gains_of_any_size_count_alike():
    """A score rises by 10 early and by 0.1 late; what the knots add is learned from both."""
    small = hills(progress=0.9, value=lambda unit: 0.01 * hill(unit), noise=0.0002)
    large = hills(progress=0.1, value=lambda unit: 8.0 + hill(unit), seed=1)
    model = GainModel(REGION, large + small, rng(2))
    means = [model.predict(asked(model, UNITS, progress=progress))[0] for progress in (0.1, 0.9)]
    assert [UNITS[np.argmax(mean)] for mean in means] == pytest.approx([0.7, 0.7], abs=0.11)
    assert np.ptp(means[0]) == pytest.approx(np.ptp(means[1]), rel=0.2)


def test_far_from_all_gains_it_is_unsure_and_among_many_it_is_sure_in_spite_of_noise():
    data = [gain(unit, value) for unit in np.linspace(0.0, 0.2, 40) for value in (-1.0, 1.0)]
    model = GainModel(REGION, data, rng(2))
    _, (near, far) = model.predict(asked(model, [0.1, 1.0]))
    assert near < 0.5
    assert near <= far


def test_an_imagined_gain_leaves_the_mean_and_makes_sure():
    model = GainModel(REGION, hills(8, noise=0.1), rng(2))
    x = asked(model, [0.4, 0.95])
    (before, _), (unsure, _) = model.predict(x)
    model.imagine(x[0])
    (after, _), (surer, _) = model.predict(x)
    assert after == pytest.approx(before, abs=1e-6)
    assert surer < unsure


@pytest.mark.parametrize("number", [2, 6])
def test_equal_gains_say_nothing(number):
    model = GainModel(REGION, [gain(unit, 1.0) for unit in np.linspace(0.0, 1.0, number)], rng(2))
    mean, deviation = model.predict(asked(model, UNITS))
    assert mean == pytest.approx(0.0, abs=1e-9)
    assert np.isfinite(deviation).all()
