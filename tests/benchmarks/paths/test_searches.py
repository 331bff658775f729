"""Searches in recorded worlds: what they pay, what they see, and by what they are judged."""

import itertools

import numpy as np
import pandas as pd
import pytest

from benchmarks.paths.purse import Purse
from benchmarks.paths.searches import METHODS, play, summary
from benchmarks.paths.worlds import RecordedWorld
from erpo_explore.search.phases import Phases

LETTERS = "mlg"
PHASES = Phases(num_phases=4, costs=(0.25, 0.25, 1.0))
SEEDS = (11, 12, 13)


def objective(seed, path):
    """The first letter `l` gains 1, each `g` loses 5, and seeds differ."""
    return 10.0 * len(path) + seed + (path[0] == "l") - 5.0 * path.count("g")


@pytest.fixture(scope="module")
def table():
    paths = ["".join(letters) for length in (1, 2, 3, 4) for letters in itertools.product(LETTERS, repeat=length)]
    rows = [{"seed": seed, "path": path, "objective": objective(seed, path)} for seed in SEEDS for path in paths]
    return pd.DataFrame(rows)


@pytest.fixture
def world(table):
    return RecordedWorld(table=table, letters=LETTERS, phases=PHASES, seen=(12, 11), judged=(13,))


def test_a_search_sees_its_seeds_and_is_judged_by_the_others(world):
    assert world.observed(0, (0, 1)) == objective(12, "ml")
    assert world.truth[1, 0, 0, 0] == objective(13, "lmmm")
    assert world.best == objective(13, "lmmm")
    assert world.reference == objective(13, "mmmm")


def test_a_purse_pays_for_phases_behind_a_checkpoint_alone(world):
    purse = Purse(world, 2.0)
    purse.train(0, (0, 0, 0, 0))
    assert purse.spent == 1.0
    purse.train(0, (0, 0, 0, 1), start=3)
    assert purse.spent == 1.25


def test_a_purse_that_is_empty_trains_what_it_still_pays(world):
    purse = Purse(world, 0.75)
    assert purse.train(0, (1, 1, 1, 1)) is None
    assert list(purse.seen) == [(0, (1,)), (0, (1, 1)), (0, (1, 1, 1))]
    assert not purse.affords(0.25)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_hands_over_a_path_within_the_budget(method, world, monkeypatch):
    spent = []
    pay = Purse.train

    def recorded(self, *given, **named):
        found = pay(self, *given, **named)
        spent.append(self.spent)
        return found

    monkeypatch.setattr(Purse, "train", recorded)
    (row,) = play(lambda _: world, method, 6, [3])
    assert len(row["path"]) == 4
    assert max(spent) <= 6.0 + 1e-6
    assert row["regret"] >= 0.0


@pytest.mark.parametrize("method", METHODS)
def test_the_same_search_finds_the_same_path(method, world):
    first, second = (next(play(lambda _: world, method, 6, [3])) for _ in range(2))
    assert first["path"] == second["path"]


def test_ours_finds_the_letter_that_gains_and_claims_it(world):
    (row,) = play(lambda _: world, next(iter(METHODS)), 12, [0])
    assert row["path"][0] == "l"
    assert row["p_value"] < 0.05
    assert np.isclose(row["regret"], 0.0)


def test_an_interval_is_held_where_it_contains_the_gain():
    row = {"method": "ours", "budget": 8, "regret": 0.1, "over_point": 0.1, "p_value": 0.2, "search_s": 1.0}
    gains = [(-0.1, -0.2, 0.5), (0.3, 0.4, 0.9), (0.6, 0.2, 0.5), (0.2, 0.1, 0.5)]
    rows = pd.DataFrame([row | {"gain": gain, "low": low, "high": high} for gain, low, high in gains])
    assert summary(rows).splitlines()[-1].split(" | ")[-2] == "50%"
