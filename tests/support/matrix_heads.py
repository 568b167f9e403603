"""Heads on the feature matrix, fitted without a user table."""

from __future__ import annotations

from typing import Any

import numpy as np

from purchasing_power.model.heads.registry import HEADS
from purchasing_power.model.params import MATRIX, ModelParams
from purchasing_power.model.table_scorer import MatrixFitting, MatrixHead, TableScorer

MATRIX_HEADS = [name for name, head in HEADS.items() if head.reads == MATRIX]


def heads_for(task: str) -> list[str]:
    """Names of the heads on the matrix that fit a task."""
    return [name for name in MATRIX_HEADS if task in HEADS[name].tasks]


def fit_head(
    params: ModelParams, X: Any, y: np.ndarray, task: str, classes: int, seed: int, threads: int = 0
) -> TableScorer:
    """A scorer of matrices: it has no features to make one of."""
    assert isinstance(params.head, MatrixHead)
    fitted = params.head.fit_matrix(X, y, MatrixFitting(params, task, classes, seed, threads))
    return TableScorer(params, None, fitted, np.zeros(0))  # type: ignore[arg-type]
