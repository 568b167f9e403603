"""Which rows are compared: those the production version was trained on, and those of now."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.model.purchasing_model import PurchasingModel, row_keys, unseen
from purchasing_power.model.splits import split
from purchasing_power.snapshot.user_table import CUTOFF, USER, UserTable

# Tests need no more, and beyond this they take minutes.
MOST_USERS = 100_000


def reference_rows(model: PurchasingModel, trained_on: UserTable, seed: int) -> UserTable:
    """One row per user that the model was trained or calibrated on, drawn at random.

    A panel repeats its users, and rows of one user are alike: counted as independent they would make
    every test overconfident. One row per user, at one random training cutoff, has the spread of the
    training rows and as many independent rows as there are users. The same users stand on both sides of
    the comparison, which makes the tests, if anything, too careful.

    A cutoff less than a lookback after the first one may look back past the first order, so that its
    long windows are only partly filled: they would drift by construction. Only cutoffs with filled
    windows are drawn from, or the last one where none has.

    Parameters
    ----------
    trained_on
        The user table that the version was trained from.

    Raises
    ------
    DataError
        If it is not the table that the model was trained on.
    """
    _check_same_table(model, trained_on)
    seen = np.isin(row_keys(trained_on), model.seen)
    if trained_on.meta.kind == "panel":
        moments = trained_on.frame[CUTOFF]
        filled = moments - pd.Timedelta(days=int(model.meta.lookback_days or 0)) >= moments[seen].min()
        usable = seen & filled.to_numpy()
        seen = usable if usable.any() else seen & (moments == moments[seen].max()).to_numpy()
    return one_per_user(trained_on, np.flatnonzero(seen), seed)


def score_rows(model: PurchasingModel, trained_on: UserTable, seed: int) -> UserTable:
    """One row per user of the calibration rows: known to the model's makers, but not fitted on.

    A model is surer of rows that it was fitted on, so that scores of those would differ from any later
    ones without drift.
    """
    return one_per_user(trained_on, split(trained_on, model.training.seed).calibrate, seed)


def current_rows(model: PurchasingModel, table: UserTable, cutoff: date | None, seed: int) -> UserTable:
    """The rows of one later cutoff, by default the last; of a flat table one row per user that is new.

    Raises
    ------
    DataError
        If the table is of the other kind, has no such cutoff, or holds nothing later than the training rows.
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
    moments = table.frame[CUTOFF]
    chosen = moments.max() if cutoff is None else pd.Timestamp(cutoff)
    _check_cutoff(model, moments, chosen)
    return one_per_user(table, np.flatnonzero(moments == chosen), seed)


def one_per_user(table: UserTable, rows: np.ndarray, seed: int) -> UserTable:
    """One random row of each user among ``rows``, at most 100,000 users, in the table's order."""
    shuffled = np.random.default_rng(seed).permutation(rows)
    first = ~table.frame[USER].iloc[shuffled].duplicated().to_numpy()
    return table.rows(np.sort(shuffled[first][:MOST_USERS]))


def _check_same_table(model: PurchasingModel, trained_on: UserTable) -> None:
    digest = trained_on.digest()
    if digest != model.training.digest:
        raise DataError(
            f"reference: got a user table with digest {digest}; the model was trained on {model.training.digest}. "
            "Restore the table that the version's users tag names, or train again."
        )


def _check_cutoff(model: PurchasingModel, moments: pd.Series, chosen: pd.Timestamp) -> None:
    if not (moments == chosen).any():
        have = ", ".join(f"{moment:%Y-%m-%d}" for moment in sorted(moments.unique()))
        raise DataError(
            f"cutoff: got {chosen:%Y-%m-%d}; the user table holds {have}. Name one of them, or take a new snapshot."
        )
    last = max([*model.training.cutoffs, *model.training.calibration_cutoffs])
    if chosen <= pd.Timestamp(last):
        raise DataError(
            f"cutoff: got {chosen:%Y-%m-%d}; the model was trained on cutoffs up to {last}, and only a later one can "
            "drift from them. Take a snapshot with a later last_cutoff and give it as users."
        )
