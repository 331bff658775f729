"""Several explorations in one frame: trials get names of their own, so that no two share one.

Trials are numbered within their exploration, so two explorations that are read together may both have a `member-0`.
Left out: whether their scores can be compared; that is for whoever put them together, and the report says when not.
"""

from collections.abc import Mapping

import pandas as pd

__all__ = ["distinct_trials", "num_explorations"]

TRIAL_COLUMNS = ("trial", "parent", "donor")


def num_explorations(frame: pd.DataFrame) -> int:
    """How many explorations a table holds."""
    return int(frame["exploration"].nunique())


def distinct_trials(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The tables with `exploration/trial` for each trial's name; as they are where there is one exploration.

    Args:
        tables: By name, `observations` among them.
    """
    if num_explorations(tables["observations"]) < 2:
        return dict(tables)
    return {name: _named(table) for name, table in tables.items()}


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """One table; a parent or donor that is null stays so."""
    names = [name for name in TRIAL_COLUMNS if name in table.columns]
    return table.assign(**{name: table["exploration"] + "/" + table[name] for name in names})
