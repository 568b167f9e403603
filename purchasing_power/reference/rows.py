"""Which rows are compared: one of each user that a version was trained on, and one of each later user."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.model.protocol import Table
from purchasing_power.model.purchasing_model import PurchasingModel, row_keys
from purchasing_power.snapshot.cutoffs import at_cutoff
from purchasing_power.snapshot.user_table import CUTOFF, USER, UserTable

# Tests need no more, and beyond this they take minutes.
MOST_USERS = 100_000


def usable_rows(model: PurchasingModel, trained_on: UserTable) -> np.ndarray:
    """Positions of the rows trained or calibrated on whose windows are filled.

    A cutoff less than a lookback after the first one may look back past the first order, so that its
    long windows are only partly filled: they would drift by construction. Only cutoffs with filled
    windows are usable, or the last one where none has.
    """
    seen = np.isin(row_keys(trained_on), model.seen)
    if trained_on.meta.kind == "panel":
        moments = trained_on.frame[CUTOFF]
        filled = moments - pd.Timedelta(days=int(model.meta.lookback_days or 0)) >= moments[seen].min()
        usable = seen & filled.to_numpy()
        seen = usable if usable.any() else seen & (moments == moments[seen].max()).to_numpy()
    return np.flatnonzero(seen)


def current_rows(model: PurchasingModel, table: UserTable, cutoff: date | None, seed: int) -> UserTable:
    """The rows of one later cutoff, by default the last; of a flat table one row per user that is new.

    Raises
    ------
    DataError
        If the table has no rows or no such cutoff, or holds nothing later than the training rows.
    """
    if table.meta.kind == "flat":
        new = model.unseen(table)
        if not len(new):
            raise DataError(
                f"user table: got {len(table.frame)} rows, all of which the model was trained on; new rows are needed. "
                "Ingest a newer file and give its user table."
            )
        current: UserTable = one_per_group(table, new, USER, seed)
        return current
    rows = at_cutoff(table, cutoff)
    _check_later(model, rows.frame[CUTOFF].iloc[0])
    latest: UserTable = one_per_group(rows, np.arange(len(rows.frame)), USER, seed)
    return latest


def _check_later(model: PurchasingModel, chosen: pd.Timestamp) -> None:
    last = max([*model.training.cutoffs, *model.training.calibration_cutoffs])
    if chosen <= pd.Timestamp(last):
        raise DataError(
            f"cutoff: got {chosen:%Y-%m-%d}; the model was trained on cutoffs up to {last}, and only a later one can "
            "drift from them. Take a snapshot with a later last_cutoff and give it as users."
        )


def one_per_group(table: Table, rows: np.ndarray, group: str, seed: int) -> Any:
    """One random row of each group, such as a user, among ``rows``, at most 100,000 of them, in the table's order.

    A panel repeats its users, and rows of one user are alike: counted as independent they would make
    every test overconfident. One row per user, at one random training cutoff, has the spread of the
    training rows and as many independent rows as there are users: the tests are blocked by user. The same
    users may stand among the later rows, which makes the tests, if anything, too careful.
    """
    shuffled = np.random.default_rng(seed).permutation(rows)
    first = ~table.frame[group].iloc[shuffled].duplicated().to_numpy()
    return table.rows(np.sort(shuffled[first][:MOST_USERS]))
