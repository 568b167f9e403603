"""Weights of a user's documents, and the weighted means of their vectors, whole or on principal components.

Sums are in double precision, so that a server, which adds them up in another order, rounds to the same numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from purchasing_power.errors import DataError
from purchasing_power.text.bag import Bag

WEIGHTINGS = ("log_count", "count", "recency", "idf")
# A double-precision copy of this many numbers of the vectors at a time, 32 MB.
BLOCK = 4_000_000


def document_weights(documents: Bag, weighting: str, rarity: np.ndarray | None = None) -> sparse.csr_matrix:
    """Weight of each text in each row, not normalised: float64, shape (n_rows, n_texts).

    A text that a row has n times weighs log(1 + n) (``log_count``), n (``count``), the sum of 1 / (1 + place)
    over its places, newest at 0 (``recency``), or log(1 + n) times its inverse document frequency (``idf``).

    Parameters
    ----------
    rarity
        Inverse document frequency of each text, shape (n_texts,), as :func:`known_rarity` gives it; ``idf`` needs it.

    Raises
    ------
    DataError
        If the weighting is not known.
    """
    if weighting not in WEIGHTINGS:
        raise DataError(f"weighting: got {weighting!r}; allowed are {', '.join(WEIGHTINGS)}. Set one of them.")
    if weighting == "recency":
        return documents.recency
    weights = documents.counts.astype(np.float64)
    if weighting != "count":
        weights.data = np.log1p(weights.data)
    if weighting == "idf" and rarity is not None:
        weights.data *= rarity[weights.indices]
    return weights


def learn_rarity(documents: Bag) -> tuple[np.ndarray, np.ndarray]:
    """Inverse document frequencies of the fitted rows' texts, known by digests so that no text is kept.

    It is ln((1 + n) / (1 + df)) + 1 of n rows with documents, df of which have the text.

    Returns
    -------
    digests, rarity
        First 8 bytes of each text's SHA-256 as uint64, ascending, and float32 values, shapes (n_texts + 1,): the
        first entry, digest 0, stands for every text that was not there.

    Source: Spärck Jones (1972), A statistical interpretation of term specificity and its application in
    retrieval, Journal of Documentation 28; smoothed as scikit-learn's ``TfidfTransformer`` does.
    """
    rows = int((documents.counts.getnnz(axis=1) > 0).sum())
    frequency = np.concatenate([[0], documents.counts.getnnz(axis=0)])
    keys = np.concatenate([np.zeros(1, np.uint64), _digests(documents.texts)])
    order = np.argsort(keys, kind="stable")
    return keys[order], (np.log((1 + rows) / (1 + frequency)) + 1).astype(np.float32)[order]


def known_rarity(texts: Sequence[str], digests: np.ndarray, rarity: np.ndarray) -> np.ndarray:
    """Inverse document frequency of each text, shape (n_texts,); an unseen text has the highest there is."""
    keys = _digests(texts)
    places = np.minimum(np.searchsorted(digests, keys), len(digests) - 1)
    return rarity[np.where(digests[places] == keys, places, 0)]


def _digests(texts: Sequence[str]) -> np.ndarray:
    # A lone surrogate is a str that UTF-8 refuses.
    parts = (hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8] for text in texts)
    return np.frombuffer(b"".join(parts), np.uint64)


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
    parts = [vectors[start : start + rows].astype(np.float64) @ matrix for start in range(0, len(vectors), rows)]
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
