"""A version's predictions on its held-out rows, kept so that monitoring it needs no row of its training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.evaluation.holdout import Constants, Predictions, held_out
from purchasing_power.model.protocol import Model, Table
from purchasing_power.reference.kind import ReferenceKind


@dataclass(frozen=True)
class HeldOut:
    """Predictions on the held-out rows of a version, and which rows it or its reference performance has used.

    Attributes
    ----------
    constants
        What the training rows alone say of anyone, by name of the baseline; each of shape (1, …).
    predictions
        Predictions and outcomes of the held-out rows without a user of them, see ``ReferenceKind.anonymous``;
        ``None`` where no row could be held out.
    until
        ISO date of the last row of known outcome; ``None`` for a table without time.
    keys
        Keys (uint64, ascending) of the rows of known outcome that the model has not learned from, for a table without
        time; ``None`` for others.
    """

    constants: Constants
    predictions: Predictions | None = None
    until: str | None = None
    keys: np.ndarray | None = None


def measure_held_out(kind: ReferenceKind, model: Model, trained_on: Table) -> HeldOut:
    """Predict the rows of a model's table that it has not learned from.

    Parameters
    ----------
    trained_on
        The table that the model was trained on.
    """
    constants = kind.constants(model, trained_on)
    predictions = None
    if kind.metrics(model):
        try:
            rows = held_out(kind, trained_on, [model])
            predictions = kind.anonymous(model, kind.predictions(model, rows, constants))
        except DataError:
            predictions = None
    known, moments = kind.known_outcomes(trained_on), kind.moments(trained_on)
    if moments is None:
        fresh = trained_on.rows(np.intersect1d(known, model.unseen(trained_on)))
        return HeldOut(constants, predictions, keys=np.unique(kind.keys(fresh)))
    return HeldOut(constants, predictions, until=iso(moments.iloc[known].max()))


def later_rows(kind: ReferenceKind, held: HeldOut, table: Table) -> np.ndarray:
    """Positions of the rows of a table whose outcome was not known when the version was made; shape (n_rows,)."""
    if held.keys is not None:
        return np.flatnonzero(~np.isin(kind.keys(table), held.keys))
    moments = kind.moments(table)
    assert moments is not None, "a version with a date was trained on rows that have one"
    return np.flatnonzero(moments > pd.Timestamp(str(held.until)))


def matured_rows(kind: ReferenceKind, model: Model, held: HeldOut, table: Table, latest: pd.Timestamp | None) -> Table:
    """The newest rows of known outcome that neither training nor the reference performance has used.

    Parameters
    ----------
    latest
        Newest moment that counts. Of a table with cutoffs the rows of one cutoff are given.
    """
    rows = np.intersect1d(later_rows(kind, held, table), model.unseen(table))
    rows = np.intersect1d(rows, kind.known_outcomes(table))
    moments = kind.moments(table)
    if moments is not None and len(rows):
        of_rows = moments.iloc[rows]
        in_time = of_rows if latest is None else of_rows[of_rows <= latest]
        wanted = of_rows == in_time.max() if kind.has_cutoffs(table) else of_rows.isin(in_time)
        rows = rows[wanted.to_numpy()]
    matured: Table = table.rows(rows)
    return matured


def iso(moment: pd.Timestamp) -> str:
    """A moment in ISO 8601: a date where it is a midnight."""
    return f"{moment:%Y-%m-%d}" if moment == moment.normalize() else moment.isoformat()
