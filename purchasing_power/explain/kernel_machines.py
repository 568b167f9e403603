"""Margins of kernel machines by matrix products: thousands of mixed rows are scored for one explanation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.compose import TransformedTargetRegressor
from sklearn.svm import SVC, SVR
from sklearn.utils.multiclass import _ovr_decision_function

from purchasing_power.model.table_scorer import TableScorer

ROWS_AT_ONCE = 1_000


def mixed_margins(scorer: TableScorer, X: np.ndarray) -> np.ndarray:
    """The margins of dense rows of the matrix; those of an RBF machine come from products of matrices.

    libsvm takes one row after another, which is several times slower than a matrix product. Of more than two
    classes they are the values of each pair of classes, shape (n_rows, pairs): see :func:`votes`.
    """
    fitted = scorer.fitted
    machine: Any = fitted.regressor_ if isinstance(fitted, TransformedTargetRegressor) else fitted
    if not isinstance(machine, (SVC, SVR)):
        return scorer.margins(X)
    parts = [_machine(machine, X[start : start + ROWS_AT_ONCE]) for start in range(0, len(X), ROWS_AT_ONCE)]
    values = np.concatenate(parts)
    if isinstance(fitted, TransformedTargetRegressor):
        return fitted.transformer_.inverse_transform(values[:, None])[:, 0]
    return values


def votes(fitted: Any) -> Callable[[np.ndarray], np.ndarray] | None:
    """How a kernel machine of more than two classes makes raw scores of its pairs; ``None`` for others.

    Each pair votes for a class, so raw scores jump where the pairs' values do not: these are what is shared
    out among columns.
    """
    if not isinstance(fitted, SVC) or len(fitted.classes_) == 2:
        return None
    return lambda pairs: _ovr_decision_function(pairs < 0, -pairs, len(fitted.classes_))


def _machine(machine: Any, X: np.ndarray) -> np.ndarray:
    """Decision values, shape (n_rows,), or of more than two classes (n_rows, pairs)."""
    vectors = _dense(machine.support_vectors_)
    squares = (X**2).sum(axis=1)[:, None] + (vectors**2).sum(axis=1)[None] - 2 * (X @ vectors.T)
    kernel = np.exp(-machine.gamma * np.maximum(squares, 0.0))
    if isinstance(machine, SVR) or len(machine.classes_) == 2:
        return (kernel @ _dense(machine.dual_coef_).T)[:, 0] + machine.intercept_[0]
    return _pairs(machine, kernel)


def _pairs(machine: Any, kernel: np.ndarray) -> np.ndarray:
    """Decision values of each pair of classes, shape (n_rows, pairs), in libsvm's order."""
    ends = np.cumsum(machine.n_support_)
    spans = [slice(end - size, end) for end, size in zip(ends, machine.n_support_, strict=True)]
    dual, pairs = _dense(machine.dual_coef_), list[np.ndarray]()
    for first in range(len(spans)):
        for second in range(first + 1, len(spans)):
            one = kernel[:, spans[first]] @ dual[second - 1, spans[first]]
            two = kernel[:, spans[second]] @ dual[first, spans[second]]
            pairs.append(one + two + machine.intercept_[len(pairs)])
    return np.column_stack(pairs)


def _dense(values: Any) -> np.ndarray:
    return values.toarray() if sparse.issparse(values) else values
