"""Losses of an exploration by a fault, computed from its rows before and after; each report has its time of arrival."""

from dataclasses import dataclass

import pandas as pd

__all__ = ["Losses", "losses"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """Losses by one fault.

    Attributes:
        num_cut: Workers that the fault ended, each in an interval that was trained again.
        num_repeated: Recorded reports that were made a second time.
        most_repeated: Maximum of these over the trials.
        recovery_s: Seconds until every trial with an ended worker made a new report. If the driver died: until the
            first new report of any trial. None where no worker ended.
    """

    num_cut: int
    num_repeated: int
    most_repeated: int
    recovery_s: float | None


def losses(
    before: pd.DataFrame, after: pd.DataFrame, failures: dict[str, int], *, since: float, driver_died: bool
) -> Losses:
    """Compare an exploration's observations at the moment of a fault with those at its end.

    Args:
        before: Observations at the fault.
        after: Observations at the end.
        failures: Trial → number of times that its worker ended between the two.
        since: Beginning of the recovery, in seconds of the epoch: the fault, or the `resume` after it.
        driver_died: Whether the driver died, which ends all trials but is no failure of a trial.
    """
    known = _arrivals(before)
    arrived = _arrivals(after)
    again = [report for report, when in known.items() if arrived[report] != when]
    repeated = pd.Series([trial for trial, _ in again], dtype=str)
    fresh = arrived[~arrived.index.isin(known.index)]
    fresh = fresh[fresh > pd.Timestamp(since, unit="s", tz="UTC")]
    first = fresh.groupby("trial").min()
    hit = [trial for trial, count in failures.items() if count > 0]
    recovered = first.min() if driver_died else first.reindex(hit).max()
    return Losses(
        num_cut=sum(failures.values()),
        num_repeated=len(repeated),
        most_repeated=int(repeated.value_counts().max()) if len(repeated) else 0,
        recovery_s=None if pd.isna(recovered) else recovered.timestamp() - since,
    )


def _arrivals(observations: pd.DataFrame) -> "pd.Series[pd.Timestamp]":
    """Time of arrival of each report, by trial and iteration."""
    when = pd.to_datetime(observations.set_index(["trial", "iteration"])["reported_at"], utc=True)
    return when.sort_index()
