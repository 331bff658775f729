"""Distinct trial names across several explorations in one frame.

Trials are numbered within their exploration, so two explorations may both have a `member-0`.
Left out: whether their scores are comparable. The report warns where task, model or scorer differ.
"""

from collections.abc import Mapping

import pandas as pd

__all__ = ["distinct_trials", "num_explorations"]

TRIAL_COLUMNS = ("trial", "parent", "donor")


def num_explorations(frame: pd.DataFrame) -> int:
    """Number of explorations in a table."""
    return int(frame["exploration"].nunique())


def distinct_trials(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Rename each trial to `exploration/trial`; with a single exploration, tables are returned unchanged.

    Args:
        tables: Tables by name, `observations` among them.
    """
    if num_explorations(tables["observations"]) < 2:
        return dict(tables)
    return {name: _named(table) for name, table in tables.items()}


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """Rename the trials of one table; a null parent or donor stays null."""
    names = [name for name in TRIAL_COLUMNS if name in table.columns]
    return table.assign(**{name: table["exploration"] + "/" + table[name] for name in names})
