"""Sizes that fit into a time, for costs that are simple products."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.advice.fit import Sizes, fit
from erpo_explore.errors import ConfigError

WANTED = Sizes(steps=4000, interval=400, members=8, num_seeds=2)
WANTED_S = 4000.0 * (8 + 3 * 2)


def _cost(sizes: Sizes) -> float:
    """A second per step, for all members and for three baselines."""
    return float(sizes.steps * (sizes.members + 3 * sizes.num_seeds))


def test_what_fits_stays() -> None:
    assert fit(WANTED, WANTED_S, _cost) == WANTED


@given(st.floats(0.02, 1.0))
def test_what_is_fitted_takes_at_most_the_time(share: float) -> None:
    assert _cost(fit(WANTED, share * WANTED_S, _cost)) <= share * WANTED_S


@given(st.floats(0.02, 1.0))
def test_evaluations_are_all_or_half(share: float) -> None:
    fitted = fit(WANTED, share * WANTED_S, _cost)
    assert fitted.steps % fitted.interval == 0
    assert fitted.steps // fitted.interval in (10, 5)


def test_few_evaluations_stay() -> None:
    assert fit(replace(WANTED, interval=1000), 0.1 * WANTED_S, _cost).interval * 4 == (
        fit(replace(WANTED, interval=1000), 0.1 * WANTED_S, _cost).steps
    )


@given(st.floats(0.05, 0.5), st.floats(1.0, 2.0))
def test_more_time_is_never_used_for_fewer_members(share: float, more: float) -> None:
    less, longer = (fit(WANTED, part * WANTED_S, _cost) for part in (share, share * more))
    assert less.members <= longer.members
    assert less.num_seeds <= longer.num_seeds


def test_replications_go_before_members() -> None:
    fitted = fit(WANTED, 0.6 * WANTED_S, _cost)
    assert (fitted.num_seeds, fitted.members) == (1, 8)


def test_at_least_four_members_stay() -> None:
    assert fit(WANTED, 0.03 * WANTED_S, _cost).members == 4
    assert fit(replace(WANTED, members=2), 0.03 * WANTED_S, _cost).members == 2


def test_members_stay_where_they_decide_nothing() -> None:
    assert fit(WANTED, 0.1 * WANTED_S, _cost, can_drop_members=False).members == 8


def test_where_the_interval_stays_evaluations_get_fewer() -> None:
    fitted = fit(WANTED, 0.2 * WANTED_S, _cost, keeps_interval=True)
    assert fitted.interval == 400
    assert fitted.steps % 400 == 0


def test_replications_are_added_only_where_they_may_be() -> None:
    one = replace(WANTED, num_seeds=1)
    assert fit(one, 10 * WANTED_S, _cost, can_grow=True).num_seeds == 3
    assert fit(one, 10 * WANTED_S, _cost) == one


def test_too_short_a_time_names_the_time_that_it_takes() -> None:
    with pytest.raises(ConfigError, match=r"smallest version, 80 steps and 4 members, takes about 0\.16 h"):
        fit(WANTED, 1.0, _cost)
