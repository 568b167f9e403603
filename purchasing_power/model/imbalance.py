"""Imbalance: weights and resampling of fitted rows, so that a rare class counts."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from purchasing_power.errors import DataError
from purchasing_power.model.params import MATRIX, ModelParams

log = logging.getLogger(__name__)

NEIGHBOURS = 5
SYNTHETIC = ("smote", "adasyn")


def check_imbalance(params: ModelParams, task: str) -> None:
    """Refuse an ``imbalance`` that does not go with the task or the head.

    Raises
    ------
    DataError
        If amounts are predicted, or if synthetic rows would be needed for a head that reads texts.
    """
    if params.imbalance == "none":
        return
    if task == "regression":
        raise DataError(
            f"model imbalance: got {params.imbalance} for a regression, which has no classes; allowed is none. "
            "Set imbalance to none; loss=tweedie is made for amounts with many zeros."
        )
    if params.imbalance in SYNTHETIC and params.head.reads != MATRIX:
        raise DataError(
            f"model imbalance: got {params.imbalance} with the head {params.head.name}, which reads texts, and between "
            "two texts lies none; allowed are none, weights, over, under. Set one of them."
        )


def row_weights(params: ModelParams, y: np.ndarray, classes: int) -> np.ndarray | None:
    """Weight of each row, shape (n_rows,): n / (classes * rows of its class); ``None`` without weights.

    Source: King & Zeng (2001), Logistic regression in rare events data, Political Analysis 9.
    """
    if params.imbalance != "weights":
        return None
    return (len(y) / (classes * np.maximum(np.bincount(y, minlength=classes), 1)))[y]


def class_weight(params: ModelParams) -> str | None:
    """The same as scikit-learn's ``class_weight``."""
    return "balanced" if params.imbalance == "weights" else None


def resampled_rows(params: ModelParams, y: np.ndarray, seed: int) -> np.ndarray:
    """Positions of the rows to fit on: each once, or after random over- or under-sampling; shape (n,)."""
    rows = np.arange(len(y))
    if params.imbalance not in ("over", "under"):
        return rows
    # A server fits nothing: only who resamples pays for the import.
    from imblearn.over_sampling import RandomOverSampler
    from imblearn.under_sampling import RandomUnderSampler

    kind = RandomOverSampler if params.imbalance == "over" else RandomUnderSampler
    chosen, _ = kind(random_state=seed).fit_resample(rows[:, None], y)
    # LightGBM's bagging goes by position: the order must not depend on the class.
    return np.sort(chosen[:, 0])


def resampled(params: ModelParams, X: Any, y: np.ndarray, task: str, seed: int) -> tuple[Any, np.ndarray]:
    """Matrix and class codes to fit on; give it fitted rows alone, never scored or calibration rows.

    ``over`` and ``under`` repeat or leave out rows, ``smote`` and ``adasyn`` add rows between neighbours of
    a class; ``none`` and ``weights`` change nothing.

    Raises
    ------
    DataError
        As :func:`check_imbalance` says, or if a class has too few rows for neighbours.

    Source: Chawla et al. (2002), SMOTE: synthetic minority over-sampling technique, JAIR 16. He et al. (2008),
    ADASYN: adaptive synthetic sampling approach for imbalanced learning, IJCNN.
    """
    check_imbalance(params, task)
    if params.imbalance in ("over", "under"):
        rows = resampled_rows(params, y, seed)
        return X[rows], y[rows]
    if params.imbalance not in SYNTHETIC:
        return X, y
    neighbours = _neighbours(params, y)
    if params.imbalance == "adasyn":
        adapted = _adasyn(X, y, neighbours, seed)
        if adapted is not None:
            return adapted
    from imblearn.over_sampling import SMOTE

    return SMOTE(k_neighbors=neighbours, random_state=seed).fit_resample(X, y)


def _neighbours(params: ModelParams, y: np.ndarray) -> int:
    """Neighbours to look at: fewer than ``NEIGHBOURS`` where a class that gets rows is small."""
    counts = np.unique(y, return_counts=True)[1]
    smallest = int(counts.min())
    if smallest < 2:
        raise DataError(
            f"model imbalance: got {params.imbalance} with a class of {smallest} row; it needs 2 or more rows of each "
            "class. Set imbalance to weights or over, or leave the class out."
        )
    return min(NEIGHBOURS, smallest - 1)


def _adasyn(X: Any, y: np.ndarray, neighbours: int, seed: int) -> tuple[Any, np.ndarray] | None:
    """ADASYN's rows; ``None`` where no row lies near another class, and it has nothing to adapt to."""
    from imblearn.over_sampling import ADASYN

    try:
        return ADASYN(n_neighbors=neighbours, random_state=seed).fit_resample(X, y)
    except (ValueError, RuntimeError) as error:
        if "No samples will be generated" not in str(error) and "Not any neigbours" not in str(error):
            raise
        log.warning("imbalance adasyn: no row has neighbours of another class; smote is used instead")
        return None
