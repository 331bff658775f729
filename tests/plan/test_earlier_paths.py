"""The prior that earlier results give, against sums by hand."""

import logging

import pytest

from erpo_explore.config.search import Search
from erpo_explore.errors import ConfigError, ResultsError
from erpo_explore.plan.earlier_paths import load_prior
from erpo_explore.search.path_prior import shrunken_gains
from erpo_explore.search.phases import Phases
from erpo_explore.search.turns import Turns
from erpo_explore.space.algorithms import algorithm
from tests.plan.earlier_runs import write_runs

SEARCH = Search.model_validate({"method": "branch", "phases": 2, "candidates": ["label_smoothing", "data_noising"]})
TURNS = Turns.from_search(SEARCH, "bleu", num_intervals=4)
PENALTY = 2 * 2 * 0.2**2 / 0.3**2
"""Penalty of the regression for two phases."""


def path(*letters):
    return TURNS.path(letters)


def load(*folders):
    return load_prior(folders, TURNS, score_name="bleu").gains


def test_two_folders_of_constant_algorithms(tmp_path):
    one = write_runs(
        tmp_path / "one", [(1, path(0, 0), 20.0), (1, path(1, 1), 20.5), (2, path(0, 0), 22.0), (2, path(1, 1), 21.9)]
    )
    two = write_runs(tmp_path / "two", [(1, path(0, 0), 50.0), (1, path(2, 2), 50.3)])
    # Σ d / (Q n + penalty) at each place
    smoothing, noising = (0.5 - 0.1) / (2 * 2 + PENALTY), 0.3 / (2 + PENALTY)
    assert load(one, two) == (pytest.approx((0.0, smoothing, noising)),) * 2


def test_the_place_of_an_algorithm_counts(tmp_path):
    runs = [(1, path(0, 0), 20.0), (1, path(1, 0), 21.0), (1, path(0, 2), 19.5)]
    first, last = load(write_runs(tmp_path / "one", runs))
    assert first == pytest.approx((0.0, 1.0 / (1 + PENALTY), 0.0))
    assert last == pytest.approx((0.0, 0.0, -0.5 / (1 + PENALTY)))


def test_a_seed_without_maximum_likelihood_is_compared_with_the_mean_of_all(tmp_path):
    runs = [(1, path(0, 0), 20.0), (2, path(0, 0), 21.0), (3, path(1, 1), 21.0)]
    assert load(write_runs(tmp_path / "one", runs))[0][1] == pytest.approx(0.5 / (2 + PENALTY))


def test_runs_of_other_settings_or_without_an_end_do_not_count(tmp_path):
    stronger = algorithm("data_noising", gamma=0.4).path("bleu")
    runs = [(1, path(0, 0), 20.0), (1, path(1, 1), 20.2), (1, stronger, 30.0), (1, path(2, 2), None)]
    assert [row[2] for row in load(write_runs(tmp_path / "one", runs))] == [0.0, 0.0]


def test_a_path_of_other_phases_fits_where_each_phase_has_one_algorithm():
    four = Turns(names=TURNS.names, points=TURNS.points, num_phases=4, num_intervals=12)
    assert TURNS.fitting_letters(four.path((0, 0, 2, 2))) == (0, 2)
    assert TURNS.fitting_letters(four.path((0, 1, 2, 2))) is None
    assert TURNS.fitting_letters(algorithm("interpolation").path("bleu")) is None


def test_a_loss_is_clipped():
    phases = Phases(num_phases=2, costs=(0.5, 0.5))
    assert shrunken_gains(phases, [((1, 1), -60.0)]) == shrunken_gains(phases, [((1, 1), -1.5)])


def test_an_algorithm_without_a_run_is_named(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        load(write_runs(tmp_path / "one", [(1, path(0, 0), 20.0), (1, path(1, 1), 20.2)]))
    assert "search.prior has no run of data_noising, so it expects no gain of it" in caplog.text


def test_what_cannot_be_used_is_an_error_with_its_folder(tmp_path):
    with pytest.raises(
        ConfigError, match=r"search.prior: .*other must have the metric .*, bleu, got rouge; leave it out"
    ):
        load(write_runs(tmp_path / "other", [(1, path(0, 0), 20.0)], score_name="rouge"))
    with pytest.raises(ConfigError, match=r"search.prior: .*alone must have whole runs .*, got 1 and 0; leave it out"):
        load(write_runs(tmp_path / "alone", [(1, path(0, 0), 20.0)]))
    with pytest.raises(ResultsError, match=r"nowhere does not exist"):
        load(str(tmp_path / "nowhere"))
