"""Principal components of rows' vectors, and singular ones of their term weights."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.decomposition import PCA, TruncatedSVD

from purchasing_power.text.projection import positive_totals, project, projection

# A component with less than this share of the first one's variance (of its squared singular value) is rounding noise.
FLAT = 1e-6


def fit_reduction(pooled: np.ndarray, components: int, reduction: str, seed: int) -> PCA | None:
    """Fit principal components, fewer than asked where the vectors span fewer directions.

    Parameters
    ----------
    pooled
        Vectors of the fitted rows that have documents, shape (n_rows, dimension).
    reduction
        ``"whitening"`` gives each component variance 1; ``"pca"`` keeps their relative sizes.

    Returns
    -------
    PCA
        ``None`` where the vectors do not differ.
    """
    if len(pooled) < 2:
        return None
    whiten = reduction == "whitening"
    pca = PCA(min(components, *pooled.shape), whiten=whiten, random_state=seed).fit(pooled)
    variances = pca.explained_variance_
    # Variance 1 for what is only rounding noise would fling an unseen text far off.
    rank = int((variances > max(FLAT * variances[0], FLAT**2)).sum())
    if not rank or rank == len(variances):
        return pca if rank else None
    return PCA(rank, whiten=whiten, random_state=seed).fit(pooled)


def reduce(pca: PCA | None, weights: sparse.csr_matrix, vectors: np.ndarray) -> np.ndarray:
    """Components of each row's weighted mean, mean variance 1 over the fitted rows; zeros for a row without texts.

    Shape (n_rows, n_components), float32; one column of zeros without a PCA.

    Parameters
    ----------
    weights
        Of each text in each row, shape (n_rows, n_texts).
    vectors
        Of the texts, shape (n_texts, dimension).
    """
    if pca is None:
        return np.zeros((weights.shape[0], 1), np.float32)
    matrix, centre = projection(pca)
    # The reduction is linear: each text goes through it once, whatever many rows have it.
    means = (weights @ project(vectors, matrix)) / positive_totals(weights) - centre
    means[weights.getnnz(axis=1) == 0] = 0.0
    return means.astype(np.float32)


def fit_svd(weights: sparse.csr_matrix, components: int, seed: int) -> TruncatedSVD:
    """Fit a truncated SVD, of fewer components than asked where the rows span fewer directions.

    Parameters
    ----------
    weights
        Term weights of the fitted rows, shape (n_rows, n_terms).
    """
    width = min(components, *weights.shape)
    svd = TruncatedSVD(width, random_state=seed).fit(weights)
    strengths = svd.singular_values_**2
    # Scaled to variance 1, noise would outweigh words, and differ from machine to machine.
    rank = max(int((strengths > FLAT * strengths[0]).sum()), 1)
    return svd if rank == width else TruncatedSVD(rank, random_state=seed).fit(weights)
