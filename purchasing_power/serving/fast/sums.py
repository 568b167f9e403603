"""Scorers, heads and calibrations as sums in numpy, from fitted objects or from what was read of their files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.special import expit, softmax

from purchasing_power.model.calibration import calibrated
from purchasing_power.model.heads.blend import as_raw, mean
from purchasing_power.serving.fast.blocks import Block, block
from purchasing_power.serving.fast.fitted_files import Fitted, Unknown, kind
from purchasing_power.serving.rows import Columns, Rows
from purchasing_power.snapshot.target import Target

Few = Callable[[Rows], np.ndarray]
LINEAR = ("LogisticRegression", "LinearSVC", "LinearSVR", "Ridge")


def outputs_of(scorer: Any, calibrator: Any, target: Target, columns: Columns) -> Few:
    """Calibrated probabilities or amounts of checked rows; what is not known here runs as it is.

    Raises
    ------
    Unknown
        If something that is not known was read of a file, and so cannot run.
    """
    raw, calibrate = _scorer(scorer, columns), _calibration(calibrator, target.task)
    if target.name == "spend":
        return lambda rows: np.maximum(calibrate(raw(rows)), 0.0)
    return lambda rows: calibrate(raw(rows))


def _scorer(scorer: Any, columns: Columns) -> Few:
    if kind(scorer) == "BlendScorer":
        parts = [_scorer(one, columns) for one in scorer.scorers]
        task, weights = scorer.task, scorer.weights
        return lambda rows: as_raw(mean([calibrated(None, raw(rows), task) for raw in parts], weights), task)
    if kind(scorer) == "TableScorer":
        return _table(scorer, columns)
    return lambda rows: scorer.raw(rows.frame)


def _table(scorer: Any, columns: Columns) -> Few:
    fitted = scorer.features
    chosen = [one for one in fitted.transformers_ if one[0] != "remainder"]
    parts: list[Block] = [block(name, part, wanted, columns) for name, part, wanted in chosen]
    weights = fitted.transformer_weights or {}
    factors = [float(weights.get(name, 1.0)) for name, _, _ in chosen]
    head = _head(scorer)
    return lambda rows: head(_beside([part(rows) for part in parts], factors))


def _beside(parts: list[Any], factors: Sequence[float]) -> Any:
    """Blocks side by side; see :func:`~purchasing_power.model.features.stacked`."""
    if all(type(one) is np.ndarray for one in parts):
        if set(factors) - {1.0}:
            parts = [part * factor for part, factor in zip(parts, factors, strict=True)]
        return np.concatenate(parts, axis=1)
    from purchasing_power.model.features import stacked

    return stacked(parts, factors)


def _head(scorer: Any) -> Callable[[Any], np.ndarray]:
    fitted = scorer.fitted
    if kind(fitted) in LINEAR:
        weights, intercept = fitted.coef_.T, fitted.intercept_
        if weights.ndim == 2 and weights.shape[1] == 1:
            weights, intercept = weights[:, 0], np.ravel(intercept)[0]
        return lambda X: np.asarray(X @ weights + intercept)
    if isinstance(fitted, Fitted):
        raise Unknown(kind(fitted))
    return fitted.raw if kind(fitted) == "FittedMlp" else scorer.scores


def _calibration(calibrator: Any, task: str) -> Callable[[np.ndarray], np.ndarray]:
    if kind(calibrator) == "LinearRegression":
        slope, start = float(calibrator.coef_[0]), float(calibrator.intercept_)
        return lambda raw: raw * slope + start
    if kind(calibrator) != "LogisticRegression":
        if isinstance(calibrator, Fitted):
            raise Unknown(kind(calibrator))
        return lambda raw: calibrated(calibrator, raw, task)
    weights, intercept = calibrator.coef_.T, calibrator.intercept_
    if weights.shape[1] > 1:
        return lambda raw: softmax((raw[:, None] if raw.ndim == 1 else raw) @ weights + intercept, axis=1)

    def two(raw: np.ndarray) -> np.ndarray:
        positive = expit((raw[:, None] if raw.ndim == 1 else raw) @ weights[:, 0] + intercept[0])
        return np.column_stack([1 - positive, positive])

    return two
