"""Weighted means of texts' vectors, whole or on principal components.

Sums are in double precision, so that a server, which adds them up in another order, rounds to the same numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

# A double-precision copy of this many numbers of the vectors at a time, 32 MB.
BLOCK = 4_000_000


def projection(pca: Any) -> tuple[np.ndarray, np.ndarray]:
    """What reduces a mean vector: ``mean @ matrix - centre`` has mean variance 1 over the fitted rows.

    Returns
    -------
    matrix, centre
        float64, shapes (dimension, n_components) and (n_components,).
    """
    scales = np.sqrt(pca.explained_variance_ if pca.whiten else pca.explained_variance_.mean())
    matrix = (pca.components_.T / scales).astype(np.float64)
    return matrix, pca.mean_ @ matrix


def project(vectors: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Give ``vectors @ matrix`` in float64, shape (n_texts, n_components)."""
    rows = max(BLOCK // max(vectors.shape[1], 1), 1)
    parts = [
        vectors[start : start + rows].astype(np.float64) @ matrix for start in range(0, len(vectors), rows)
    ]
    return np.concatenate([*parts, np.zeros((0, matrix.shape[1]))])


def mean_vectors(weights: sparse.csr_matrix, vectors: np.ndarray) -> np.ndarray:
    """Weighted mean of each row's texts, zeros where it has none: float32, shape (n_rows, dimension)."""
    columns = max(BLOCK // max(len(vectors), 1), 1)
    found = np.zeros((weights.shape[0], vectors.shape[1]), np.float32)
    totals = positive_totals(weights)
    for start in range(0, vectors.shape[1], columns):
        block = slice(start, start + columns)
        found[:, block] = (weights @ vectors[:, block].astype(np.float64)) / totals
    return found


def positive_totals(weights: sparse.csr_matrix) -> np.ndarray:
    """Sum of each row's weights, 1 where there is none, shape (n_rows, 1)."""
    totals = np.asarray(weights.sum(axis=1))
    return np.where(totals > 0, totals, 1.0)
