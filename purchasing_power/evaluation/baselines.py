"""What a shop can do without this model: last month's spend, and recency-frequency-money regression."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from purchasing_power.snapshot.user_table import UserTableMeta

# The first that a table has.
NAIVE_COLUMNS = {"spend_28d": "last month's spend", "orders_28d": "last month's orders"}
RECENCY_COLUMN = "days_since_order"


def naive_score(frame: pd.DataFrame, meta: UserTableMeta) -> np.ndarray:
    """Spend of the 28 days before the cutoff (currency), shape (n,); no spend on record counts as 0.

    Of a shop without amounts it is the orders of those days. A table without such a column, such as a flat file, gets
    a constant: it ranks nobody, so its AUC is 0.5 and its lift 1.
    """
    column = _naive_column(meta)
    return np.zeros(len(frame)) if column is None else frame[column].fillna(0.0).to_numpy(dtype=np.float64)


def naive_name(meta: UserTableMeta) -> str:
    """What :func:`naive_score` is, in plain words."""
    return NAIVE_COLUMNS[_naive_column(meta) or "spend_28d"]


def _naive_column(meta: UserTableMeta) -> str | None:
    names = NAIVE_COLUMNS if meta.kind == "panel" else list(NAIVE_COLUMNS)[:1]
    return next((name for name in names if name in meta.numeric), None)


def prior_prediction(y_train: np.ndarray, rows: int, task: str, classes: int = 2) -> np.ndarray:
    """What training rows alone say of everyone: class shares (rows, classes), or the mean amount (rows,)."""
    if task == "regression":
        return np.full(rows, float(np.mean(y_train)))
    shares = np.bincount(np.asarray(y_train, dtype=np.int64), minlength=classes) / len(y_train)
    return np.tile(shares, (rows, 1))


def rfm_proba(
    train_frame: pd.DataFrame, y_train: np.ndarray, test_frame: pd.DataFrame, task: str, classes: int = 2
) -> np.ndarray:
    """Logistic (or ridge) regression on recency, frequency and monetary value, fitted on training rows only.

    Parameters
    ----------
    train_frame, test_frame
        User-table rows. The columns are ``days_since_order`` and the longest ``orders_*d`` and ``spend_*d``
        windows that both frames have; each enters as log(1 + x), standardised.
    y_train
        Class codes or amounts, shape (n_train,).
    task
        ``"binary"``, ``"multiclass"`` or ``"regression"``.

    Returns
    -------
    array
        Class probabilities (n_test, classes), or amounts (n_test,) for regression. Where no such column
        exists or training rows hold one class, that is :func:`prior_prediction`.

    Source: Fader, Hardie & Lee (2005), RFM and CLV, Journal of Marketing Research 42(4).
    """
    columns = rfm_columns(train_frame.columns.intersection(test_frame.columns))
    if not columns or (task != "regression" and len(np.unique(y_train)) < 2):
        return prior_prediction(y_train, len(test_frame), task, classes)
    lookback = _lookback(train_frame, columns)
    train, test = _logged(train_frame, columns, lookback), _logged(test_frame, columns, lookback)
    if task == "regression":
        return make_pipeline(StandardScaler(), Ridge()).fit(train, y_train).predict(test)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(train, y_train)
    proba = np.zeros((len(test_frame), classes))
    proba[:, model.classes_.astype(np.int64)] = model.predict_proba(test)
    return proba


def rfm_columns(names: pd.Index) -> list[str]:
    """Recency, and the longest window of frequency and of monetary value, as far as they are there."""
    found = [RECENCY_COLUMN] if RECENCY_COLUMN in names else []
    for block in ("orders", "spend"):
        windows = [(int(m[1]), name) for name in names if (m := re.fullmatch(rf"{block}_(\d+)d", str(name)))]
        found += [max(windows)[1]] if windows else []
    return found


def _lookback(train_frame: pd.DataFrame, columns: list[str]) -> float:
    """Days at which a user without an order stands: the longest window, or the longest recency on record."""
    windows = [float(m[1]) for name in columns if (m := re.search(r"_(\d+)d$", name))]
    longest = float(train_frame[RECENCY_COLUMN].max()) if RECENCY_COLUMN in columns else 0.0
    return float(np.nanmax([0.0, longest, *windows]))


def _logged(frame: pd.DataFrame, columns: list[str], lookback: float) -> np.ndarray:
    missing = {name: lookback if name == RECENCY_COLUMN else 0.0 for name in columns}
    return np.log1p(frame[columns].fillna(missing).clip(lower=0.0).to_numpy(dtype=np.float64))
