"""Which rows of now are compared: those of one later cutoff, or the new ones of a flat table."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.model.purchasing_model import PurchasingModel, unseen
from purchasing_power.reference.rows import one_per_user
from purchasing_power.snapshot.cutoffs import at_cutoff
from purchasing_power.snapshot.user_table import CUTOFF, UserTable


def current_rows(model: PurchasingModel, table: UserTable, cutoff: date | None, seed: int) -> UserTable:
    """The rows of one later cutoff, by default the last; of a flat table one row per user that is new.

    Raises
    ------
    DataError
        If the table is of the other kind, has no rows or no such cutoff, or holds nothing later than the training rows.
    """
    if table.meta.kind != model.meta.kind:
        raise DataError(
            f"user table: got a {table.meta.kind} table; the model was trained on a {model.meta.kind} one. "
            "Use a registered model of its own (-P model=NAME) for each kind of data."
        )
    if table.meta.kind == "flat":
        new = unseen(model, table)
        if not len(new):
            raise DataError(
                f"user table: got {len(table.frame)} rows, all of which the model was trained on; new rows are needed. "
                "Ingest a newer file and give its user table."
            )
        return one_per_user(table, new, seed)
    rows = at_cutoff(table, cutoff)
    _check_later(model, rows.frame[CUTOFF].iloc[0])
    return one_per_user(rows, np.arange(len(rows.frame)), seed)


def _check_later(model: PurchasingModel, chosen: pd.Timestamp) -> None:
    last = max([*model.training.cutoffs, *model.training.calibration_cutoffs])
    if chosen <= pd.Timestamp(last):
        raise DataError(
            f"cutoff: got {chosen:%Y-%m-%d}; the model was trained on cutoffs up to {last}, and only a later one can "
            "drift from them. Take a snapshot with a later last_cutoff and give it as users."
        )
