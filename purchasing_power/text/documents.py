"""The ``documents`` column as scikit-learn hands it over, and names for the columns made of it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from purchasing_power.errors import DataError

Features = pd.DataFrame | pd.Series


def documents_column(X: Features) -> pd.Series:
    """Take the one column out of a frame, or a Series as it is."""
    if isinstance(X, pd.Series):
        return X
    if isinstance(X, pd.DataFrame) and X.shape[1] == 1:
        return X.iloc[:, 0]
    got = f"{X.shape[1]} columns" if isinstance(X, pd.DataFrame) else type(X).__name__
    raise DataError(
        f"documents: got {got}; one column is allowed. Give `documents` as a Series or one-column frame."
    )


def column_names(stem: str, count: int) -> np.ndarray:
    """Name columns ``stem_0``, ``stem_1``, …"""
    return np.asarray([f"{stem}_{column}" for column in range(count)], dtype=object)
