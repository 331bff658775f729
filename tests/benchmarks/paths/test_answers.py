"""Answers of a table against tables whose answers are known."""

import itertools

import numpy as np
import pandas as pd
import pytest

from benchmarks.paths.answers import Answers, markdown

LETTERS = "mls"
GAINS = np.array([[0.0, 0.5, -0.2], [0.0, -0.1, 0.4], [0.0, 0.3, 0.6]])


def additive(path):
    return sum(GAINS[place, LETTERS.index(letter)] for place, letter in enumerate(path))


def table_of(objective, *, seeds=4, luck=0.0):
    generator = np.random.default_rng(0)
    paths = ["".join(letters) for length in (1, 2, 3) for letters in itertools.product(LETTERS, repeat=length)]
    rows = [
        {"seed": seed, "path": path, "objective": 10.0 * len(path) + objective(path) + luck * generator.normal() + seed}
        for seed in range(seeds)
        for path in paths
    ]
    return Answers(pd.DataFrame(rows), LETTERS)


def test_the_choices_on_other_seeds_gain_what_is_true():
    answers = table_of(additive)
    means = answers.table.groupby("path")["objective"].mean()
    assert (answers.best_path(means), answers.best_by_places(means), answers.best_point(means)) == ("lss", "lss", "sss")
    assert answers.held_out(answers.best_path) == pytest.approx([1.5] * 4)
    assert answers.held_out(answers.best_point) == pytest.approx([0.8] * 4)


def test_greed_misses_what_lowers_the_score_at_first():
    answers = table_of(lambda path: 2.0 if path == "sml" else -1.0 if path[0] == "s" else 0.0)
    means = answers.table.groupby("path")["objective"].mean()
    assert answers.best_path(means) == "sml"
    assert answers.greedy(means)[0] != "s"


def test_an_additive_table_is_explained_by_places_and_not_by_counts():
    explained = table_of(additive).explained()
    assert explained["places"] == pytest.approx(1.0)
    assert explained["how often each occurs"] < 0.9


def test_the_whole_path_foretells_the_end_where_there_is_no_luck():
    foretold = table_of(additive).foretold()
    assert foretold[-1] == pytest.approx(1.0)
    assert foretold[0] < foretold[1] < foretold[2]


def test_the_best_of_paths_that_are_equal_gains_nothing_on_another_seed():
    answers = table_of(lambda _: 0.0, seeds=30, luck=1.0)
    assert abs(answers.held_out(answers.best_path).mean()) < 3.0 * np.sqrt(2.0 / 30)
    assert answers.spread() == pytest.approx(np.sqrt(2.0), rel=0.2)


def test_one_seed_gives_no_answers():
    assert "answers nothing" in markdown(table_of(additive, seeds=1))


def test_the_page_names_each_choice():
    page = markdown(table_of(additive, luck=0.1))
    for words in ("4 seeds, 27 paths", "| best path |", "| greedy path |", "| places, neighbours |", "paired seeds"):
        assert words in page
