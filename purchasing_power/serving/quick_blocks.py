"""Feature blocks of a few rows in numpy: the sums of scikit-learn's transformers, without their checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, QuantileTransformer, StandardScaler

from purchasing_power.model.columns import Categories
from purchasing_power.serving.quick_texts import encoded, rows_of, tfidf
from purchasing_power.serving.rows import Columns, Rows
from purchasing_power.text.vectorize import EncodedDocuments, TfidfDocuments

Block = Callable[[Rows], Any]
Step = Callable[[np.ndarray], np.ndarray]

# Rows of categories whose columns are remembered.
KNOWN_ROWS = 10_000
# The border that QuantileTransformer draws around its outermost quantiles.
BORDER = 1e-7


def block(fitted: ColumnTransformer, name: str, columns: Columns) -> Block:
    """A fitted block as a function of checked rows; one that is not known here runs as it is.

    Its output has the shape (n_rows, n_columns) of the block.
    """
    transformer = fitted.named_transformers_[name]
    wanted = next(chosen for key, _, chosen in fitted.transformers_ if key == name)
    if name == "numeric" and list(wanted) == list(columns.numeric):
        steps = _numeric(transformer)
        if steps is not None:
            return lambda rows: _through(steps, rows.numeric)
    if isinstance(transformer, Categories) and list(wanted) == list(columns.categorical):
        return _remembered(transformer, columns)
    if isinstance(transformer, EncodedDocuments):
        return encoded(transformer)
    if isinstance(transformer, TfidfDocuments) and transformer.svd_ is not None:
        return tfidf(transformer)
    if isinstance(transformer, Pipeline) and name == "tfidf":
        text, scaler = transformer[0], transformer[-1]
        if getattr(text, "svd_", None) is not None and type(scaler) is StandardScaler:
            terms, scale = tfidf(text), _scale(scaler)
            return lambda rows: scale(terms(rows))
    return lambda rows: transformer.transform(rows.frame[wanted])


def _numeric(transformer: Any) -> list[Step] | None:
    """The steps of the numeric block; ``None`` where one of them is not known."""
    if transformer == "passthrough" or (
        isinstance(transformer, FunctionTransformer) and transformer.func is None
    ):
        return []
    makers = {SimpleImputer: _fill, QuantileTransformer: _quantiles, StandardScaler: _scale}
    parts = [step for _, step in transformer.steps] if isinstance(transformer, Pipeline) else [transformer]
    if any(type(part) not in makers for part in parts):
        return None
    return [makers[type(part)](part) for part in parts]


def _through(steps: list[Step], values: np.ndarray) -> np.ndarray:
    for step in steps:
        values = step(values)
    return values


def _fill(imputer: SimpleImputer) -> Step:
    values = imputer.statistics_
    return lambda X: np.where(np.isnan(X), values, X)


def _scale(scaler: StandardScaler) -> Step:
    means = 0.0 if scaler.mean_ is None else scaler.mean_
    scales = 1.0 if scaler.scale_ is None else scaler.scale_
    return lambda X: (X - means) / scales


def _quantiles(transformer: QuantileTransformer) -> Step:
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


def _remembered(transformer: Categories, columns: Columns) -> Block:
    """Categories, looked up where the same ones came before."""
    names = list(columns.categorical)
    known: dict[tuple[str | None, ...], np.ndarray] = {}

    def run(rows: Rows) -> np.ndarray:
        new = list(dict.fromkeys(row for row in rows.categorical if row not in known))
        found = {}
        if new:
            frame = pd.DataFrame(new, columns=names, dtype=object)
            found = dict(zip(new, np.asarray(transformer.transform(frame)), strict=True))
            if len(known) + len(found) <= KNOWN_ROWS:
                known.update(found)
        return rows_of(lambda row: found[row] if row in found else known[row], rows.categorical)

    return run
