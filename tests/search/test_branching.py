"""Proposed branches: what they may be, what they prefer, and that they repeat."""

from dataclasses import replace

import pytest

from erpo_explore.errors import ConfigError
from erpo_explore.search.branching import Branching, propose
from erpo_explore.search.handover import hand_over
from erpo_explore.search.phases import Checkpoint, Phases

PHASES = Phases(num_phases=3, costs=(1 / 3, 1 / 3, 2 / 3))
SETTINGS = Branching(trainings_per_seed=4.0, max_seeds=3)


def scored(branch, gains):
    """Checkpoints that a branch leaves, where each phase of an algorithm adds its gain."""
    return [
        Checkpoint(seed=branch.seed, letters=branch.path[:n], objective=n + sum(gains[a] for a in branch.path[:n]))
        for n in range(branch.start + 1, len(branch.path) + 1)
    ]


def search(budget, gains, *, seed=5, settings=SETTINGS):
    left, branches, checkpoints = budget, [], []
    while proposed := propose(PHASES, checkpoints, settings, left=left, seed=seed, number=len(branches)):
        branches += proposed
        checkpoints += scored(proposed[0], gains)
        left -= proposed[0].cost
    return branches, checkpoints


def test_the_reference_comes_first():
    branches, _ = search(1.0, (0.0, 0.1, 0.1))
    assert [(branch.seed, branch.path, branch.start) for branch in branches] == [(0, (0, 0, 0), 0)]


def test_the_reference_begins_a_further_seed_after_so_many_trainings_per_seed():
    branches, _ = search(16.0, (0.0, 0.5, -0.5))
    spent = 0.0
    for branch in branches:
        if branch.start == 0 and branch.path == PHASES.reference_path:
            assert spent >= SETTINGS.trainings_per_seed * branch.seed - 1e-9
        spent += branch.cost
    assert {branch.seed for branch in branches} == {0, 1, 2}


def test_what_leads_is_replicated():
    branches, _ = search(16.0, (0.0, 0.5, -0.5))
    assert len({branch.seed for branch in branches if branch.path == (1, 1, 1)}) > 1


def test_every_branch_is_new_begins_at_a_checkpoint_and_is_paid_for():
    branches, _ = search(8.0, (0.0, 0.2, -0.3))
    known = set()
    for branch in branches:
        assert branch.start == 0 or (branch.seed, branch.checkpoint) in known
        own = {(branch.seed, branch.path[:length]) for length in range(branch.start + 1, 4)}
        assert not own & known
        known |= own
        assert branch.cost == pytest.approx(PHASES.cost(branch.path, start=branch.start))
    assert sum(branch.cost for branch in branches) <= 8.0 + 1e-9
    assert max(branch.seed for branch in branches) < SETTINGS.max_seeds


def test_the_same_checkpoints_and_seed_give_the_same_branch():
    branches, checkpoints = search(5.0, (0.0, 0.2, -0.3))
    again = propose(PHASES, checkpoints, SETTINGS, left=9.0, seed=5, number=len(branches))
    assert again == propose(PHASES, list(checkpoints), SETTINGS, left=9.0, seed=5, number=len(branches))


def test_a_branch_that_runs_is_not_proposed_again():
    branches, checkpoints = search(5.0, (0.0, 0.2, -0.3))
    given = {"left": 9.0, "seed": 5, "number": len(branches)}
    (first,) = propose(PHASES, checkpoints, SETTINGS, **given)
    (second,) = propose(PHASES, checkpoints, SETTINGS, **given, running=[first])
    assert (first.seed, first.path[: first.start + 1]) != (second.seed, second.path[: first.start + 1])


def test_nothing_is_proposed_that_the_budget_does_not_pay():
    _, checkpoints = search(5.0, (0.0, 0.2, -0.3))
    assert propose(PHASES, checkpoints, SETTINGS, left=0.3, seed=5, number=9) == []


def test_the_better_algorithm_is_handed_over_and_claimed():
    _, checkpoints = search(12.0, (0.0, 0.5, -0.5))
    found = hand_over(PHASES, checkpoints, SETTINGS, seed=5)
    assert found.path == (1, 1, 1)
    assert found.over_reference.is_sure
    assert found.over_reference.low < 1.5 < found.over_reference.high


def test_nothing_is_claimed_where_nothing_was_trained_but_the_reference():
    _, checkpoints = search(1.0, (0.0, 0.5, -0.5))
    assert not hand_over(PHASES, checkpoints, SETTINGS, seed=5).over_reference.is_sure


@pytest.mark.parametrize(
    ("change", "message"),
    [({"num_phases": 0}, "num_phases"), ({"costs": (1.0, 0.0)}, "costs"), ({"reference": 3}, "reference")],
)
def test_an_impossible_space_is_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        replace(PHASES, **change)
