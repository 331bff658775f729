"""Restored trials, before the first of them starts."""

from types import SimpleNamespace

import pytest

from erpo_explore.errors import ResultsError
from erpo_explore.tune.callbacks.restored_trials import RestoredTrials
from erpo_explore.tune.generators import PlannedTrials
from erpo_explore.tune.scoreboard import Scoreboard


class Home:
    """Notes the trials that are moved."""

    def __init__(self):
        self.taken = []

    def take(self, trial):
        self.taken.append(trial)


def trials():
    return [
        SimpleNamespace(config={"spec": {"name": name, "role": role}}, max_failures=2)
        for name, role in (("mle-s1", "algorithm"), ("member-0", "member"))
    ]


@pytest.mark.parametrize(("reseeds_members", "limits"), [(True, [5, 2]), (False, [5, 5])])
def test_all_trials_are_moved_once_and_get_the_retries_of_today(reseeds_members, limits, as_users_run):
    home, restored = Home(), trials()
    callback = RestoredTrials(
        home, max_failures=5, reseeds_members=reseeds_members, scoreboard=Scoreboard("results/mine")
    )
    for step in (1, 2):
        callback.on_step_begin(step, restored)
    assert home.taken == restored
    assert [trial.max_failures for trial in restored] == limits


def test_a_snapshot_that_could_not_be_read_is_an_error(as_users_run):
    callback = RestoredTrials(Home(), max_failures=2, reseeds_members=True, scoreboard=Scoreboard("results/mine"))
    with pytest.raises(ResultsError, match=r"results/mine/checkpoints cannot be read, .* fetch or copy the folder"):
        callback.on_step_begin(1, [])


def test_the_state_of_a_generator_does_not_name_its_folder(as_users_run):
    assert "_home" not in PlannedTrials(Home()).get_state()
