"""Check that the rows of an exploration are complete and unique."""

import pandas as pd

__all__ = ["check_complete"]


def check_complete(observations: pd.DataFrame, trials: pd.DataFrame, *, num_trials: int, num_reports: int) -> None:
    """Check that every report exists once and every trial has finished.

    Args:
        observations: Table of observations, as pandas reads it.
        trials: Table of trials, as pandas reads it.
        num_trials: Expected number of trials.
        num_reports: Expected number of reports per trial.

    Raises:
        AssertionError: A report is missing or duplicated, or a trial has not finished.
    """
    reports = {trial: sorted(rows["iteration"]) for trial, rows in observations.groupby("trial")}
    expected = list(range(1, num_reports + 1))
    wrong = {trial: iterations for trial, iterations in reports.items() if iterations != expected}
    assert not wrong, f"every trial has iterations {expected} once each, but {wrong}"
    assert len(reports) == num_trials, f"{num_trials} trials expected to report, {sorted(reports)} did"
    assert set(trials["status"]) == {"finished"}, trials.set_index("trial")["status"].to_dict()
    assert sorted(trials["trial"]) == sorted(reports)
