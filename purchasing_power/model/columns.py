"""Tabular columns that are no plain numbers: categories, few or many, and dates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler, TargetEncoder
from sklearn.utils.validation import check_is_fitted

RARE_ROWS = 10
MOST_CATEGORIES = 30
SPELLING_COLUMNS = 8
TARGET_FOLDS = 5
# 2,000 years: further off, a date is a typing error and some of its parts cannot be computed.
FURTHEST_DAY = 719_000


class Categories(TransformerMixin, BaseEstimator):
    """Categorical columns as numbers; the many categories of a column get more than a column each.

    Every column is one-hot encoded, rare and unseen categories together. A column with more than
    ``MOST_CATEGORIES`` in the fitted rows also gives the label's mean in its category, cross-fitted so that no
    row's own label is in it, and ``SPELLING_COLUMNS`` columns for how it is spelled, which place a category
    that was never seen beside those it resembles.

    Parameters
    ----------
    seed
        Seed of the folds and of the spelling's decomposition.

    Attributes
    ----------
    encoders_
        The fitted ColumnTransformer.
    groups_
        Output columns of each input column.

    Source: Micci-Barreca (2001), A preprocessing scheme for high-cardinality categorical attributes,
    SIGKDD Explorations 3. Cerda & Varoquaux (2022), Encoding high-cardinality string categorical variables, TKDE 34.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, X: pd.DataFrame, y: np.ndarray | None = None) -> Categories:
        """Learn the categories; see :meth:`fit_transform`."""
        self.fit_transform(X, y)
        return self

    def fit_transform(self, X: pd.DataFrame, y: np.ndarray | None = None, **fit_params: Any) -> np.ndarray:
        """Learn the categories and encode the same rows.

        Parameters
        ----------
        X
            Strings with ``None`` for missing, shape (n_rows, n_columns).
        y
            Class codes (integers) or amounts (floats); without them no mean is encoded.
        """
        names = list(X.columns)
        many = [name for name in names if X[name].nunique() > MOST_CATEGORIES]
        chosen: list[tuple[str, Any, Any]] = [("one_hot", _one_hot(), names)]
        if many and y is not None:
            chosen.append(("target", _target(y, self.seed), many))
        chosen += [(f"spelling {name}", _spelling(self.seed), name) for name in many]
        self.encoders_ = ColumnTransformer(chosen, sparse_threshold=0.0)
        encoded = self.encoders_.fit_transform(X, y)
        self.groups_ = _groups(self.encoders_, names, many)
        return encoded

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """Encode rows, shape (n_rows, n_outputs)."""
        check_is_fitted(self, "encoders_")
        return self.encoders_.transform(X)


def date_parts(names: Sequence[str]) -> ColumnTransformer:
    """Year, month, day, weekday and hour (if any) of columns in days since 1970; all but the year on a circle."""
    # skrub takes seconds to import: only a table with dates or many categories pays.
    from skrub import DatetimeEncoder

    parts = make_pipeline(
        FunctionTransformer(moments),
        DatetimeEncoder(add_weekday=True, add_total_seconds=False, periodic_encoding="circular"),
        SimpleImputer(keep_empty_features=True),
        StandardScaler(),
    )
    return ColumnTransformer([(name, parts, name) for name in names], sparse_threshold=0.0)


def moments(days: pd.Series) -> pd.Series:
    """Days since 1970-01-01 as times; what is out of their range becomes missing."""
    return pd.to_datetime(days.where(days.abs() <= FURTHEST_DAY), unit="D").astype("datetime64[us]")


def _one_hot() -> BaseEstimator:
    return make_pipeline(
        _filled(),
        OneHotEncoder(
            handle_unknown="infrequent_if_exist",
            min_frequency=RARE_ROWS,
            max_categories=MOST_CATEGORIES,
            sparse_output=False,
            dtype=np.float32,
        ),
    )


def _target(y: np.ndarray, seed: int) -> BaseEstimator:
    kind, splits, folds = "continuous", KFold, min(TARGET_FOLDS, len(y))
    if y.dtype.kind != "f":
        counts = np.unique(y, return_counts=True)[1]
        kind, splits = "binary" if len(counts) == 2 else "multiclass", StratifiedKFold
        folds = int(np.clip(counts.min(), 2, TARGET_FOLDS))
    encoder = TargetEncoder(target_type=kind, cv=splits(folds, shuffle=True, random_state=seed))
    return make_pipeline(_filled(), encoder, StandardScaler())


def _spelling(seed: int) -> BaseEstimator:
    from skrub import StringEncoder

    return StringEncoder(n_components=SPELLING_COLUMNS, random_state=seed)


def _filled() -> SimpleImputer:
    return SimpleImputer(strategy="constant", fill_value="missing", missing_values=None, keep_empty_features=True)


def _groups(fitted: ColumnTransformer, names: list[str], many: list[str]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {name: [] for name in names}
    for block, columns in fitted.output_indices_.items():
        inputs = {"one_hot": names, "target": many}.get(block, [block.removeprefix("spelling ")])
        places = np.arange(columns.start, columns.stop)
        if block == "one_hot":
            owners = _one_hot_owners(fitted.named_transformers_[block][-1])
        else:
            owners = np.repeat(np.arange(len(inputs)), len(places) // len(inputs)) if len(places) else places
        for place, owner in zip(places, owners, strict=True):
            groups[inputs[owner]].append(int(place))
    return groups


def _one_hot_owners(encoder: OneHotEncoder) -> np.ndarray:
    widths = [
        len(values) - (len(infrequent) - 1 if infrequent is not None else 0)
        for values, infrequent in zip(encoder.categories_, encoder.infrequent_categories_, strict=True)
    ]
    return np.repeat(np.arange(len(widths)), widths)
