"""Calibration: raw scores to probabilities or amounts, learned on rows that the head has not seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy.special import expit, softmax

from purchasing_power.snapshot.target import Target
from purchasing_power.snapshot.target_choice import ORDERS, SPEND

if TYPE_CHECKING:
    from sklearn.linear_model import LinearRegression, LogisticRegression

Calibrator: TypeAlias = "LogisticRegression | LinearRegression | None"


def fit_calibrator(raw: np.ndarray, y: np.ndarray, task: str, classes: int) -> Calibrator:
    """Learn the map from raw scores to probabilities (or amounts) on calibration rows.

    Two classes: Platt scaling (Platt 1999, Probabilistic outputs for support vector machines). More
    classes: multinomial logistic regression on the raw scores (Guo et al. 2017, On calibration of modern
    neural networks, "matrix scaling"). Regression: a line with a slope of zero or more.

    Returns
    -------
    Calibrator
        ``None`` where the calibration rows lack a class: raw scores then go through the plain
        logistic or softmax function.
    """
    # A worker calibrates without scikit-learn.
    from sklearn.linear_model import LinearRegression, LogisticRegression

    if task == "regression":
        return LinearRegression(positive=True).fit(raw[:, None], y)
    if len(np.unique(y)) < classes:
        return None
    return LogisticRegression(C=1.0, max_iter=2_000).fit(_columns(raw), y)


def calibrated(calibrator: Calibrator, raw: np.ndarray, task: str) -> np.ndarray:
    """Class probabilities, shape (n_rows, classes), or amounts, shape (n_rows,)."""
    if calibrator is not None:
        # What scikit-learn computes, without its checks: a request has a row or two.
        raw = _columns(raw) @ calibrator.coef_.T + calibrator.intercept_
        raw = raw[:, 0] if raw.ndim == 2 and raw.shape[1] == 1 else raw
    if task == "regression":
        return raw
    if raw.ndim == 1:
        return np.column_stack([1 - expit(raw), expit(raw)])
    return softmax(raw, axis=1)


def calibrated_outputs(calibrator: Calibrator, raw: np.ndarray, target: Target) -> np.ndarray:
    """What :func:`calibrated` gives for a target; nobody buys or spends less than nothing."""
    outputs = calibrated(calibrator, raw, target.task)
    return np.maximum(outputs, 0.0) if target.name in (SPEND, ORDERS) else outputs


def _columns(raw: np.ndarray) -> np.ndarray:
    return raw[:, None] if raw.ndim == 1 else raw
