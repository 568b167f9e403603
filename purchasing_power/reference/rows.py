"""Which rows a version is compared with later: one of each user that it was trained on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.model.purchasing_model import PurchasingModel, row_keys
from purchasing_power.model.splits import split
from purchasing_power.snapshot.user_table import CUTOFF, USER, UserTable

# Tests need no more, and beyond this they take minutes.
MOST_USERS = 100_000


def usable_rows(model: PurchasingModel, trained_on: UserTable) -> np.ndarray:
    """Positions of the rows trained or calibrated on whose windows are filled.

    A cutoff less than a lookback after the first one may look back past the first order, so that its
    long windows are only partly filled: they would drift by construction. Only cutoffs with filled
    windows are usable, or the last one where none has.

    Raises
    ------
    DataError
        If ``trained_on``, the user table that the version was trained from, is another one.
    """
    _check_same_table(model, trained_on)
    seen = np.isin(row_keys(trained_on), model.seen)
    if trained_on.meta.kind == "panel":
        moments = trained_on.frame[CUTOFF]
        filled = moments - pd.Timedelta(days=int(model.meta.lookback_days or 0)) >= moments[seen].min()
        usable = seen & filled.to_numpy()
        seen = usable if usable.any() else seen & (moments == moments[seen].max()).to_numpy()
    return np.flatnonzero(seen)


def score_rows(model: PurchasingModel, trained_on: UserTable, seed: int) -> UserTable:
    """One row per user of the calibration rows: known to the model's makers, but not fitted on.

    A model is surer of rows that it was fitted on, so that scores of those would differ from any later
    ones without drift.
    """
    return one_per_user(trained_on, split(trained_on, model.training.seed).calibrate, seed)


def one_per_user(table: UserTable, rows: np.ndarray, seed: int) -> UserTable:
    """One random row of each user among ``rows``, at most 100,000 users, in the table's order.

    A panel repeats its users, and rows of one user are alike: counted as independent they would make
    every test overconfident. One row per user, at one random training cutoff, has the spread of the
    training rows and as many independent rows as there are users: the tests are blocked by user. The same
    users may stand among the later rows, which makes the tests, if anything, too careful.
    """
    shuffled = np.random.default_rng(seed).permutation(rows)
    first = ~table.frame[USER].iloc[shuffled].duplicated().to_numpy()
    return table.rows(np.sort(shuffled[first][:MOST_USERS]))


def _check_same_table(model: PurchasingModel, trained_on: UserTable) -> None:
    digest = trained_on.digest()
    if digest != model.training.digest:
        raise DataError(
            f"reference: got a user table with digest {digest}; the model was trained on {model.training.digest}. "
            "Give the table that the version's users tag names, or train again."
        )
