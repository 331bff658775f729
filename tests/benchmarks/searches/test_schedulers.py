from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks.searches import schedulers
from benchmarks.searches.optimum import _coordinates, _points, final_score, search
from benchmarks.searches.regret_figure import figure
from benchmarks.searches.schedulers import Regrets, regrets
from benchmarks.searches.surface import coordinates
from benchmarks.searches.surface_paths import RANGES, mixed, plan
from erpo_explore.space import Path
from erpo_explore.stats.seeds import confidence_interval
from tests.benchmarks.searches.made_up import surface

FIRST_NOISE = Path(knots=((0.0, mixed(noise=0.4)), (0.5, mixed(noise=0.4)), (0.7, mixed())))
TRUTH = Path.constant(mixed())


@pytest.fixture
def best(monkeypatch):
    monkeypatch.setattr(schedulers, "best_score", lambda of: final_score(of, FIRST_NOISE))


def test_regret_is_the_difference_of_final_scores(best):
    found = regrets(surface(), [[TRUTH, FIRST_NOISE]], 0.1)
    gap = final_score(surface(), FIRST_NOISE) - final_score(surface(), TRUTH)

    assert found.regret_ST.tolist() == [[pytest.approx(gap), pytest.approx(0.0)]]
    assert gap > 5.0


def test_interval_of_the_mean_is_students():
    scores = [3.0, 5.0, 4.5, 1.0]
    found = Regrets(regret_ST=np.asarray([scores]).T, wall_s=0.0)
    expected = confidence_interval(scores)

    assert found.mean_T[0] == pytest.approx(expected.mean)
    assert found.mean_T[0] + found.half_T[0] == pytest.approx(expected.high)


def test_table_is_sorted_by_regret(best):
    found = {"a": regrets(surface(), [[TRUTH]] * 2, 0.1), "b": regrets(surface(), [[FIRST_NOISE]] * 2, 0.1)}
    rows = schedulers.table(surface(), found).splitlines()[2:]

    assert [row.split("|")[1].strip() for row in rows[:2]] == ["b", "a"]


def test_figure_is_xml_with_one_curve_per_method():
    curves = {name: (np.linspace(9.0, level, 10), np.full(10, 0.5)) for name, level in (("a", 1.0), ("b", 3.0))}
    drawn = ElementTree.fromstring(figure(curves))

    assert sum(element.tag.endswith("polyline") for element in drawn.iter()) == 2
    assert sum(element.tag.endswith("polygon") for element in drawn.iter()) == 2


def test_vectorised_coordinates_equal_those_of_single_points():
    vectors_PD = np.random.default_rng(0).uniform(
        [0.0, 0.0, 0.0, np.log(0.02)] * 11, [0.8, 0.8, 0.3, 0.0] * 11, (5, 44)
    )
    one_by_one = [[coordinates(point) for point in _points(vector_D)] for vector_D in vectors_PD]

    assert _coordinates(vectors_PD) == pytest.approx(np.asarray(one_by_one))


def test_long_search_is_at_least_as_good_as_its_start():
    found = search(surface(), 1)
    start = max(final_score(surface(), planned.path) for planned in plan())

    assert final_score(surface(), found) >= start - 1e-6
    for _, point in found.knots:
        assert point.reward.noise <= RANGES["noise"][1] + 1e-9
