"""A model's outputs for a few rows, without the time that scikit-learn and pandas take per call."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit, softmax
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.svm import LinearSVC, LinearSVR

from purchasing_power.model.blend import BlendScorer, as_raw, mean
from purchasing_power.model.calibration import calibrated
from purchasing_power.model.features import stacked
from purchasing_power.model.heads import raw_scores
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.model.scorer import Scorer
from purchasing_power.model.table_scorer import TableScorer
from purchasing_power.serving.quick_blocks import Block, block
from purchasing_power.serving.rows import Columns, Rows

log = logging.getLogger(__name__)

# scikit-learn's cost per call is spread over the rows of a larger request.
FEW_ROWS = 16
# Scores are told to six decimals.
SAME = 1e-7

Raw = Callable[[Rows], np.ndarray]


class QuickModel:
    """The outputs of a model for checked rows: its own code for many rows, and for few rows the same sums in numpy.

    Every part that this module does not know (a head, a block) runs as the model runs it. What is quick is compared
    with the model on made-up rows when it is built, and left where one output differs.

    Attributes
    ----------
    model
        The model.
    quick
        Whether few rows take the quick way.
    """

    def __init__(self, model: PurchasingModel) -> None:
        self.model = model
        self.columns = Columns.of(model.meta)
        self._raw = _scorer(model.scorer, self.columns)
        self._calibrate = _calibration(model.calibrator, model.target.task)
        self.quick = self._agrees()

    def outputs(self, rows: Rows) -> np.ndarray:
        """Class probabilities or amounts, as ``PurchasingModel.outputs`` gives them."""
        if len(rows) > FEW_ROWS or not self.quick:
            return self.model.outputs(rows.frame)
        return self._few(rows)

    def _few(self, rows: Rows) -> np.ndarray:
        values = self._calibrate(self._raw(rows))
        return np.maximum(values, 0.0) if self.model.target.name == "spend" else values

    def _agrees(self) -> bool:
        rows = made_up(self.model, self.columns)
        agrees = bool(np.allclose(self._few(rows), self.model.outputs(rows.frame), rtol=SAME, atol=SAME))
        if not agrees:
            log.warning(
                "quick predictions differ from the model's on made-up rows: every request takes the model's way"
            )
        return agrees


def made_up(model: PurchasingModel, columns: Columns) -> Rows:
    """Rows around the model's typical values, one of them empty, none with a document."""
    typical = [model.typical.get(name) for name in columns.numeric]
    base = np.array([np.nan if value is None else value for value in typical], np.float64)
    numeric = (
        np.stack([base * factor for factor in (1.0, 0.0, 1.7, -3.0, np.nan)])
        if len(base)
        else np.zeros((5, 0))
    )
    usual = tuple(
        value if isinstance(value, str) else None for value in map(model.typical.get, columns.categorical)
    )
    categories = [usual, usual, ("no such category",) * len(usual), usual, (None,) * len(usual)]
    nobody: list[str | None] = [None] * len(numeric)
    return Rows(columns, nobody, nobody, numeric, categories, [[] for _ in nobody])


def _scorer(scorer: Scorer, columns: Columns) -> Raw:
    if isinstance(scorer, BlendScorer):
        parts = [_scorer(one, columns) for one in scorer.scorers]
        task, weights = scorer.task, scorer.weights
        return lambda rows: as_raw(mean([calibrated(None, raw(rows), task) for raw in parts], weights), task)
    if isinstance(scorer, TableScorer):
        return _table(scorer, columns)
    return lambda rows: scorer.raw(rows.frame)


def _table(scorer: TableScorer, columns: Columns) -> Raw:
    fitted = scorer.features
    names = [name for name, _, _ in fitted.transformers_ if name != "remainder"]
    parts: list[Block] = [block(fitted, name, columns) for name in names]
    factors = [float((fitted.transformer_weights or {}).get(name, 1.0)) for name in names]
    head, plain = _head(scorer.head), set(factors) <= {1.0}

    def run(rows: Rows) -> np.ndarray:
        found = [part(rows) for part in parts]
        if plain and all(type(one) is np.ndarray for one in found):
            return head(np.concatenate(found, axis=1))
        return head(stacked(found, factors))

    return run


def _head(head: Any) -> Callable[[Any], np.ndarray]:
    if not isinstance(head, LogisticRegression | LinearSVC | LinearSVR | Ridge):
        return lambda X: raw_scores(head, X)
    weights, intercept = head.coef_.T, head.intercept_
    if weights.ndim == 2 and weights.shape[1] == 1:
        weights, intercept = weights[:, 0], np.ravel(intercept)[0]
    return lambda X: np.asarray(X @ weights + intercept)


def _calibration(calibrator: Any, task: str) -> Callable[[np.ndarray], np.ndarray]:
    if isinstance(calibrator, LinearRegression):
        slope, start = float(calibrator.coef_[0]), float(calibrator.intercept_)
        return lambda raw: raw * slope + start
    if not isinstance(calibrator, LogisticRegression):
        return lambda raw: calibrated(calibrator, raw, task)
    weights, intercept = calibrator.coef_.T, calibrator.intercept_
    if weights.shape[1] > 1:
        return lambda raw: softmax((raw[:, None] if raw.ndim == 1 else raw) @ weights + intercept, axis=1)

    def two(raw: np.ndarray) -> np.ndarray:
        positive = expit((raw[:, None] if raw.ndim == 1 else raw) @ weights[:, 0] + intercept[0])
        return np.column_stack([1 - positive, positive])

    return two
