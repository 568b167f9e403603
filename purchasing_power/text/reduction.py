"""Principal components of rows' vectors."""

from __future__ import annotations

import numpy as np
from sklearn.decomposition import PCA

# A component with less than this share of the first one's variance is rounding noise.
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


def reduce(pca: PCA | None, pooled: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Components of the rows that are ``present``, mean variance 1 over the fitted ones; zeros for the others.

    Shape (n_rows, n_components), float32; one column of zeros without a PCA.
    """
    if pca is None:
        return np.zeros((len(pooled), 1), np.float32)
    reduced = np.zeros((len(pooled), pca.n_components_), np.float32)
    if present.any():
        scale = 1.0 if pca.whiten else float(np.sqrt(pca.explained_variance_.mean()))
        reduced[present] = pca.transform(pooled[present]) / scale
    return reduced
