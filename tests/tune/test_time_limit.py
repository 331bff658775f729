"""The price of an exploration, and the end of its time, on a real Ray."""

import time
from pathlib import Path

import pytest

from erpo_explore.config.experiment import Experiment
from erpo_explore.store import load_results
from erpo_explore.tune.deadline import Deadline, TimeLimit
from erpo_explore.tune.run import estimate, explore, resume
from tests.tiny_exploration import TINY
from tests.tune.ray_warnings import RAY_WARNINGS

pytestmark = [pytest.mark.ray, pytest.mark.slow, *RAY_WARNINGS]


class _AtFirstReport(Deadline):
    """Comes with the first report, whenever that is."""

    def __init__(self, folder: Path) -> None:
        super().__init__(at=0.0)
        self._folder = folder

    @property
    def left_s(self) -> float:
        while not any((self._folder / "observations").glob("*.parquet")):
            time.sleep(0.05)
        return 0.0


def test_a_price_names_all_trials_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_slot: str
) -> None:
    monkeypatch.chdir(tmp_path)
    priced = estimate(Experiment.from_dict(TINY))
    assert (priced.num_trials, priced.steps, priced.num_slots) == (5, 12, 1)
    assert priced.prices.keys() == {"mle", "interpolation", "search"}
    assert min(priced.seconds, priced.evaluation_s, *priced.prices.values()) > 0.0
    assert list(tmp_path.iterdir()) == []


def test_an_exploration_that_its_time_interrupts_is_resumed_to_its_end(tmp_path: Path, one_slot: str) -> None:
    folder = tmp_path / "results"
    outcome = explore(Experiment.from_dict(TINY), folder, time_limit=TimeLimit(None, _AtFirstReport(folder)))
    assert (outcome.status, outcome.timed_out) == ("interrupted", True)
    assert len(load_results(folder)) < 5 * 4
    outcome = resume(folder)
    assert (outcome.status, outcome.timed_out) == ("finished", False)
    assert len(load_results(folder)) == 5 * 4
