"""Whether an exploration's rows are all there, once."""

import pandas as pd

__all__ = ["check_complete"]


def check_complete(observations: pd.DataFrame, trials: pd.DataFrame, *, num_trials: int, num_reports: int) -> None:
    """Raise AssertionError where a report is missing or doubled, or a trial has not finished.

    Args:
        observations: The table, as pandas reads it.
        trials: The table, as pandas reads it.
        num_trials: Trials that were to be trained.
        num_reports: Reports that each was to make.
    """
    reports = {trial: sorted(rows["iteration"]) for trial, rows in observations.groupby("trial")}
    expected = list(range(1, num_reports + 1))
    wrong = {trial: iterations for trial, iterations in reports.items() if iterations != expected}
    assert not wrong, f"every trial has iterations {expected} once each, but {wrong}"
    assert len(reports) == num_trials, f"{num_trials} trials were to report, {sorted(reports)} did"
    assert set(trials["status"]) == {"finished"}, trials.set_index("trial")["status"].to_dict()
    assert sorted(trials["trial"]) == sorted(reports)
