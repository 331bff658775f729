"""Losses by a fault, on constructed rows."""

import pandas as pd
import pytest

from tests.cluster.lab.losses import Losses, losses

FAULT = pd.Timestamp("2026-01-01T00:01:00Z")


def observations(rows: list[tuple[str, int, float]]) -> pd.DataFrame:
    """Observations from trial, iteration and time of arrival in seconds after the fault."""
    frame = pd.DataFrame(rows, columns=["trial", "iteration", "reported_at"])
    frame["reported_at"] = [(FAULT + pd.Timedelta(seconds=late)).isoformat() for late in frame["reported_at"]]
    return frame


BEFORE = [("a", 1, -20.0), ("b", 1, -18.0), ("a", 2, -3.0)]


def test_a_fault_without_a_lost_worker_costs_nothing() -> None:
    after = observations([*BEFORE, ("b", 2, 4.0), ("a", 3, 9.0)])
    lost = losses(observations(BEFORE), after, {"a": 0, "b": 0}, since=FAULT.timestamp(), driver_died=False)
    assert lost == Losses(num_cut=0, num_repeated=0, most_repeated=0, recovery_s=None)


def test_a_lost_trial_recovers_with_its_first_new_report() -> None:
    after = observations(
        [("a", 1, -20.0), ("b", 1, -18.0), ("a", 2, 5.0), ("b", 2, 4.0), ("a", 3, 9.0), ("a", 4, 30.0)]
    )
    lost = losses(observations(BEFORE), after, {"a": 1, "b": 0}, since=FAULT.timestamp(), driver_died=False)
    assert lost == Losses(num_cut=1, num_repeated=1, most_repeated=1, recovery_s=pytest.approx(9.0))


def test_a_lost_driver_recovers_with_the_first_new_report_after_the_resume() -> None:
    after = observations([("a", 1, 40.0), ("b", 1, 41.0), ("a", 2, 42.0), ("a", 3, 55.0), ("b", 2, 50.0)])
    resumed = FAULT.timestamp() + 30.0
    lost = losses(observations(BEFORE), after, {"a": 0, "b": 0}, since=resumed, driver_died=True)
    assert lost == Losses(num_cut=0, num_repeated=3, most_repeated=2, recovery_s=pytest.approx(20.0))
