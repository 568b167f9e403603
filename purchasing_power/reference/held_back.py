"""A version's predictions on its held-back rows, kept so that monitoring it needs no row of its training."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.evaluation.holdout import Answered, answered, held_back, prior_of, training_rows
from purchasing_power.model.purchasing_model import PurchasingModel, row_keys
from purchasing_power.model.splits import known_outcomes
from purchasing_power.snapshot.target import Target
from purchasing_power.snapshot.user_table import CUTOFF, UserTable


@dataclass(frozen=True)
class HeldBack:
    """Predictions on the held-back rows of a version, and which rows it or its reference performance has used.

    Attributes
    ----------
    prior
        Prediction of the training rows alone for anyone, see ``holdout.prior_of``.
    predictions
        Predictions and outcomes of the held-back rows, users as codes from 0 on; the naive baseline as ranks unless
        spend is predicted. ``None`` where no row could be held back.
    until
        ISO date of the last cutoff of known outcome; ``None`` for a flat table.
    keys
        Keys (uint64, ascending) of a flat table's rows of known label that the model has not seen, see
        ``purchasing_model.row_keys``; ``None`` for a panel.
    """

    prior: np.ndarray
    predictions: Answered | None = None
    until: str | None = None
    keys: np.ndarray | None = None


def measure_held_back(model: PurchasingModel, trained_on: UserTable) -> HeldBack:
    """Predict the rows of a model's user table that it has not seen.

    Parameters
    ----------
    trained_on
        The user table that the model was trained on.
    """
    prior = prior_of(model, training_rows(model, trained_on))
    try:
        predictions = _anonymous(model.target, answered(model, held_back(trained_on, [model]), prior))
    except DataError:
        predictions = None
    known = known_outcomes(trained_on)
    if trained_on.meta.kind == "flat":
        keys = np.setdiff1d(row_keys(trained_on.rows(known)), model.seen)
        return HeldBack(prior, predictions, keys=keys)
    return HeldBack(prior, predictions, until=f"{trained_on.frame[CUTOFF].iloc[known].max():%Y-%m-%d}")


def later_rows(held: HeldBack, table: UserTable) -> np.ndarray:
    """Positions of the rows of a table whose outcome was not known when the version was made; shape (n_rows,)."""
    if held.keys is not None:
        return np.flatnonzero(~np.isin(row_keys(table), held.keys))
    return np.flatnonzero(table.frame[CUTOFF] > pd.Timestamp(str(held.until)))


def _anonymous(target: Target, predictions: Answered) -> Answered:
    users = pd.factorize(predictions.users)[0].astype(np.int64)
    # Where last month's spend only ranks users, the amounts need not be kept.
    ranks = np.unique(predictions.naive, return_inverse=True)[1].astype(np.float64)
    return replace(predictions, users=users, naive=predictions.naive if target.name == "spend" else ranks)
