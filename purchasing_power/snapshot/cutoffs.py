"""Which cutoff of a user table is meant."""

from __future__ import annotations

from datetime import date

import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.snapshot.user_table import CUTOFF, UserTable


def choose(have: list[pd.Timestamp], cutoff: date | None) -> pd.Timestamp:
    """The cutoff of the given name among those that a table has, ascending; the last one for ``None``.

    Raises
    ------
    DataError
        If it is not among them, or there is none.
    """
    if not have:
        raise DataError("user table: it has no rows; at least one is needed. Take a new snapshot.")
    chosen = have[-1] if cutoff is None else pd.Timestamp(cutoff)
    if chosen not in have:
        raise DataError(
            f"cutoff: got {cutoff}; the user table holds {', '.join(f'{one:%Y-%m-%d}' for one in have)}. "
            "Name one of them, or take a new snapshot."
        )
    return chosen


def at_cutoff(table: UserTable, cutoff: date | None) -> UserTable:
    """The rows of one cutoff of a table in memory, by default the latest; all rows of a flat table.

    Raises
    ------
    DataError
        If the table has no such cutoff.
    """
    if table.meta.kind == "flat":
        return table
    cutoffs = table.frame[CUTOFF]
    chosen = choose(sorted(cutoffs.unique()), cutoff)
    return table.rows((cutoffs == chosen).to_numpy().nonzero()[0])
