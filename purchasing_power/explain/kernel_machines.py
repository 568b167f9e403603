"""Margins of kernel machines by matrix products: thousands of mixed rows are scored for one explanation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.compose import TransformedTargetRegressor
from sklearn.svm import SVC, SVR
from sklearn.utils.multiclass import _ovr_decision_function

from purchasing_power.model.heads.fitting import Head, margins

ROWS_AT_ONCE = 1_000


def mixed_margins(head: Head, X: np.ndarray) -> np.ndarray:
    """The head's margins of dense rows; those of an RBF machine come from products of matrices.

    libsvm takes one row after another, which is several times slower than a matrix product. Of more than two
    classes they are the values of each pair of classes, shape (n_rows, pairs): see :func:`votes`.
    """
    machine: Any = head.regressor_ if isinstance(head, TransformedTargetRegressor) else head
    if not isinstance(machine, (SVC, SVR)):
        return margins(head, X)
    parts = [_machine(machine, X[start : start + ROWS_AT_ONCE]) for start in range(0, len(X), ROWS_AT_ONCE)]
    found = np.concatenate(parts)
    if isinstance(head, TransformedTargetRegressor):
        return head.transformer_.inverse_transform(found[:, None])[:, 0]
    return found


def votes(head: Head) -> Callable[[np.ndarray], np.ndarray] | None:
    """How a kernel machine of more than two classes makes raw scores of its pairs; ``None`` for other heads.

    Each pair votes for a class, so raw scores jump where the pairs' values do not: these are what is shared
    out among columns.
    """
    if not isinstance(head, SVC) or len(head.classes_) == 2:
        return None
    return lambda pairs: _ovr_decision_function(pairs < 0, -pairs, len(head.classes_))


def _machine(machine: Any, X: np.ndarray) -> np.ndarray:
    """Decision values, shape (n_rows,), or of more than two classes (n_rows, pairs)."""
    held = machine.support_vectors_
    vectors = held.toarray() if sparse.issparse(held) else held
    squares = (X**2).sum(axis=1)[:, None] + (vectors**2).sum(axis=1)[None] - 2 * (X @ vectors.T)
    kernel = np.exp(-machine.gamma * np.maximum(squares, 0.0))
    if isinstance(machine, SVR) or len(machine.classes_) == 2:
        return (kernel @ _dual(machine).T)[:, 0] + machine.intercept_[0]
    return _pairs(machine, kernel)


def _pairs(machine: Any, kernel: np.ndarray) -> np.ndarray:
    """Decision values of each pair of classes, shape (n_rows, pairs), in libsvm's order."""
    ends = np.cumsum(machine.n_support_)
    spans = [slice(end - size, end) for end, size in zip(ends, machine.n_support_, strict=True)]
    dual, found = _dual(machine), list[np.ndarray]()
    for first in range(len(spans)):
        for second in range(first + 1, len(spans)):
            one = kernel[:, spans[first]] @ dual[second - 1, spans[first]]
            two = kernel[:, spans[second]] @ dual[first, spans[second]]
            found.append(one + two + machine.intercept_[len(found)])
    return np.column_stack(found)


def _dual(machine: Any) -> np.ndarray:
    held = machine.dual_coef_
    return held.toarray() if sparse.issparse(held) else held
