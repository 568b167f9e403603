"""Feature blocks of a few rows in numpy: the sums of scikit-learn's transformers, without their checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import ndtri

from purchasing_power.serving.fast.categories import one_hot
from purchasing_power.serving.fast.fitted_files import Fitted, Unknown, kind
from purchasing_power.serving.fast.texts import encoded, rows_of, tfidf
from purchasing_power.serving.rows import Columns, Rows

Block = Callable[[Rows], Any]
Step = Callable[[np.ndarray], np.ndarray]

# Rows of categories whose columns are remembered.
KNOWN_ROWS = 10_000
# The border that QuantileTransformer draws around its outermost quantiles.
BORDER = 1e-7


def block(name: str, fitted: Any, wanted: Any, columns: Columns) -> Block:
    """A fitted block as a function of checked rows; one that is not known here runs as it is.

    Its output has the shape (n_rows, n_columns) of the block.

    Parameters
    ----------
    wanted
        Names of the columns that the block reads.

    Raises
    ------
    Unknown
        If one that is not known was read of a file, and so cannot run.
    """
    if name == "numeric" and list(wanted) == list(columns.numeric):
        steps = _numeric(fitted)
        if steps is not None:
            return lambda rows: _through(steps, rows.numeric)
    if kind(fitted) == "Categories" and list(wanted) == list(columns.categorical):
        encode = one_hot(fitted)
        if encode is not None:
            return _remembered(encode)
    parts = _steps(fitted)
    if kind(parts[0]) == "EncodedDocuments" and len(parts) == 1:
        return encoded(fitted)
    if kind(parts[0]) == "TfidfDocuments" and parts[0].svd_ is not None:
        terms = tfidf(parts[0])
        if len(parts) == 1:
            return terms
        if [kind(one) for one in parts[1:]] == ["StandardScaler"]:
            scale = _scale(parts[1])
            return lambda rows: scale(terms(rows))
    if isinstance(fitted, Fitted):
        raise Unknown(f"{name} ({kind(fitted)})")
    return lambda rows: fitted.transform(rows.frame[wanted])


def _steps(fitted: Any) -> list[Any]:
    """The steps of a pipeline; of another transformer, itself."""
    return [step for _, step in fitted.steps] if kind(fitted) == "Pipeline" else [fitted]


def _numeric(fitted: Any) -> list[Step] | None:
    """The steps of the numeric block; ``None`` where one of them is not known."""
    if kind(fitted) == "FunctionTransformer" and fitted.func is None:
        return []
    makers = {"SimpleImputer": _fill, "QuantileTransformer": _quantiles, "StandardScaler": _scale}
    parts = _steps(fitted)
    if any(kind(part) not in makers for part in parts):
        return None
    return [makers[kind(part)](part) for part in parts]


def _through(steps: list[Step], values: np.ndarray) -> np.ndarray:
    for step in steps:
        values = step(values)
    return values


def _fill(imputer: Any) -> Step:
    values = imputer.statistics_
    return lambda X: np.where(np.isnan(X), values, X)


def _scale(scaler: Any) -> Step:
    means = np.asarray(0.0 if scaler.mean_ is None else scaler.mean_)
    scales = np.asarray(1.0 if scaler.scale_ is None else scaler.scale_)
    return lambda X: (X - means.astype(X.dtype)) / scales.astype(X.dtype)


def _quantiles(transformer: Any) -> Step:
    """Quantiles to a normal distribution, all columns at once; scikit-learn goes column by column.

    Like there, a value that several quantiles have gets the mean of the first one's share and the last one's.
    """
    quantiles, shares = transformer.quantiles_, transformer.references_
    firsts = _first_equal(quantiles)
    lowest, highest = quantiles[0] + BORDER, quantiles[-1] - BORDER
    least, most = ndtri(BORDER - np.spacing(1)), ndtri(1 - (BORDER - np.spacing(1)))
    column, end = np.arange(quantiles.shape[1]), len(quantiles) - 2

    def one(x: np.ndarray) -> np.ndarray:
        # Small integers add up several times faster than truth values do.
        count = (quantiles <= x).view(np.uint8).sum(axis=0, dtype=np.uint16).astype(np.intp)
        at = np.maximum(count - 1, 0)
        below = np.minimum(at, end)
        low, width = quantiles[below, column], quantiles[below + 1, column] - quantiles[below, column]
        part = np.minimum(np.maximum((x - low) / np.where(width > 0, width, 1.0), 0.0), 1.0)
        between = shares[below] + part * (shares[below + 1] - shares[below])
        on = 0.5 * (shares[at] + shares[firsts[at, column]])
        share = np.where(quantiles[at, column] == x, on, between)
        share[x > highest] = 1.0
        share[x < lowest] = 0.0
        return np.minimum(np.maximum(ndtri(share), least), most)

    return lambda X: rows_of(one, X)


def _first_equal(quantiles: np.ndarray) -> np.ndarray:
    """Row of the first quantile equal to each, shape (n_quantiles, n_columns)."""
    new = np.ones(quantiles.shape, bool)
    new[1:] = quantiles[1:] != quantiles[:-1]
    rows = np.where(new, np.arange(len(quantiles))[:, None], 0)
    return np.maximum.accumulate(rows, axis=0)


def _remembered(encode: Callable[[tuple[str | None, ...]], np.ndarray]) -> Block:
    """Categories, looked up where the same ones came before."""
    known: dict[tuple[str | None, ...], np.ndarray] = {}

    def one(row: tuple[str | None, ...]) -> np.ndarray:
        found = known.get(row)
        if found is None:
            found = encode(row)
            if len(known) < KNOWN_ROWS:
                known[row] = found
        return found

    return lambda rows: rows_of(one, rows.categorical)
