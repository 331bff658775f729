"""Algorithms that take turns: their paths, and where phases end."""

import itertools

import pytest

from erpo_explore.config.search import Search
from erpo_explore.errors import ConfigError
from erpo_explore.search.turns import Turns
from erpo_explore.space import Path


def turns_of(num_intervals, **search):
    given = {"method": "branch", "candidates": ["label_smoothing", "data_noising"]} | search
    return Turns.from_search(Search.model_validate(given), "bleu", num_intervals=num_intervals)


def test_maximum_likelihood_is_the_first_algorithm_also_where_it_is_not_named():
    assert turns_of(4).names == ("mle", "label_smoothing", "data_noising")
    assert turns_of(4, candidates=["grpo", "mle"]).names == ("mle", "grpo")


@pytest.mark.parametrize(
    ("num_intervals", "ends"), [(4, (1, 2, 3, 4)), (8, (2, 4, 6, 8)), (10, (3, 5, 8, 10)), (5, (1, 3, 4, 5))]
)
def test_a_phase_ends_at_the_nearest_report(num_intervals, ends):
    assert turns_of(num_intervals).ends == ends


def test_fewer_reports_than_phases_are_an_error():
    with pytest.raises(ConfigError, match=r"search.phases must be at most the number of reports of a run, 3, got 4"):
        turns_of(3)


def test_a_path_trains_each_phase_at_its_algorithm():
    turns, steps = turns_of(10), 70
    for letters in ((0, 1, 2, 0), (2, 2, 1, 1), (1, 1, 1, 1)):
        path = turns.path(letters)
        bounds = (0, *turns.ends)
        for letter, (begin, end) in zip(letters, itertools.pairwise(bounds), strict=True):
            for step in range(begin * 7, end * 7):
                assert path.at(step / steps) == turns.points[letter]
        assert turns.letters_of(path) == letters


def test_only_a_path_of_one_algorithm_is_constant():
    turns = turns_of(8)
    assert turns.path((1, 1, 1, 1)) == Path.constant(turns.points[1])
    assert turns.constant_of(turns.path((1, 1, 1, 1))) == (1, 1, 1, 1)
    assert turns.constant_of(turns.path((1, 1, 1, 0))) is None


def test_a_phase_costs_its_share_of_a_whole_training():
    phases = turns_of(8).phases({"mle": 1.0, "label_smoothing": 1.2, "data_noising": 2.0})
    assert phases.cost((0, 0, 0, 0)) == pytest.approx(1.0)
    assert phases.cost((0, 0, 2, 1)) == pytest.approx(0.25 + 0.25 + 0.5 + 0.3)
