"""The feature matrix: tabular columns and text representations of a user table, block by block."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from purchasing_power.errors import DataError
from purchasing_power.model.columns import Categories, date_parts
from purchasing_power.model.imbalance import SYNTHETIC
from purchasing_power.model.params import ModelParams
from purchasing_power.shop.values import as_objects, as_text, feature_column
from purchasing_power.snapshot.user_table import DOCUMENTS, UserTableMeta
from purchasing_power.text.vectorize import EncodedDocuments, TfidfDocuments

QUANTILES = 100
TABLE_BLOCKS = ("numeric", "dates", "categorical")


def blocks(
    params: ModelParams, meta: UserTableMeta, seed: int, store: str | None = None
) -> list[tuple[str, BaseEstimator, list[str]]]:
    """Unfitted (name, transformer, columns) of each block.

    Parameters
    ----------
    store
        Folder of the vector store; ``None`` keeps vectors in this process.
    """
    chosen: list[tuple[str, BaseEstimator, list[str]]] = []
    if meta.numeric:
        chosen.append(("numeric", _numeric(_scaled(params), seed), list(meta.numeric)))
    if dates := _dates(meta):
        chosen.append(("dates", date_parts(dates), dates))
    if meta.categorical:
        chosen.append(("categorical", Categories(seed), list(meta.categorical)))
    for name in params.text_blocks:
        chosen.append((name, _text(name, params, seed, store), [DOCUMENTS]))
    return chosen


def transformer(params: ModelParams, meta: UserTableMeta, seed: int, store: str | None = None) -> ColumnTransformer:
    """An unfitted ColumnTransformer of :func:`blocks`.

    Its output has shape (n_rows, n_columns), sparse where :func:`wide` says so, else dense.
    """
    made = blocks(params, meta, seed, store)
    factors = {name: block_weight(name, params) for name, _, _ in made}
    weights = factors if set(factors.values()) != {1.0} else None
    return ColumnTransformer(made, sparse_threshold=1.0, transformer_weights=weights)


def block_weight(name: str, params: ModelParams) -> float:
    """Factor of a block's columns: ``table_weight`` for the tabular ones of a linear head, else 1."""
    return params.table_weight if params.head.linear and name in TABLE_BLOCKS else 1.0


def wide(params: ModelParams) -> bool:
    """Whether TF-IDF terms enter the matrix as they are, sparse."""
    return params.tfidf_width > 0 and "tfidf" in params.text_blocks


def block_key(name: str, params: ModelParams) -> tuple[Any, ...]:
    """What a fitted block depends on besides its rows: equal keys give equal columns."""
    if name == "numeric":
        return (name, _scaled(params))
    if name == "tfidf":
        form = ("terms", params.tfidf_width) if wide(params) else (_scaled(params), params.text_components)
        return (name, params.ngram_max, params.min_df, params.stop_words, *form)
    if name == "encoder":
        return (name, params.encoder, params.weighting, params.reduction, params.text_components)
    return (name,)


def column_groups(fitted: ColumnTransformer, meta: UserTableMeta) -> dict[str, list[int]]:
    """Matrix columns that stem from each user-table column; text representations are groups of their own."""
    groups: dict[str, list[int]] = {name: [] for name in meta.features}
    for name, columns in fitted.output_indices_.items():
        start, positions = columns.start, list(range(columns.start, columns.stop))
        if name == "numeric":
            for column, at in zip(meta.numeric, positions, strict=True):
                groups[column].append(at)
        elif name == "dates":
            for column, parts in fitted.named_transformers_[name].output_indices_.items():
                groups.get(column, []).extend(range(start + parts.start, start + parts.stop))
        elif name == "categorical":
            for column, places in fitted.named_transformers_[name].groups_.items():
                groups[column].extend(start + place for place in places)
        elif name != "remainder" and positions:
            groups[f"text ({name})"] = positions
    return groups


def prepare(frame: pd.DataFrame, meta: UserTableMeta) -> pd.DataFrame:
    """The feature columns with the types that fitting saw: float64 (infinite as missing), strings, documents.

    Where a number is due, dates and truth values may stand as a flat file has them.

    Raises
    ------
    DataError
        If a feature column is missing or holds something that is no number where one is due.
    """
    missing = [name for name in meta.features if name not in frame]
    if missing:
        raise DataError(
            f"user table: {len(missing)} columns are missing ({', '.join(missing[:10])}); the model needs all "
            f"{len(meta.features)} of its features. Send them, with null where nothing is known, or take the "
            "snapshot with like set to the table that the model was trained on."
        )
    numeric = frame.loc[:, list(meta.numeric)]
    try:
        numeric = numeric.astype(np.float64)
    except (TypeError, ValueError):
        numeric = numeric.apply(_as_numbers)
    numeric = numeric.replace([np.inf, -np.inf], np.nan)
    categorical = frame.loc[:, list(meta.categorical)]
    # Where few rows are read alone, a category may look like a number.
    looks_numeric = [name for name in meta.categorical if pd.api.types.is_float_dtype(categorical[name].dtype)]
    categorical = categorical.assign(**{name: as_text(categorical[name]) for name in looks_numeric})
    prepared = pd.concat([numeric, as_objects(categorical)], axis=1)
    prepared[DOCUMENTS] = frame[DOCUMENTS] if DOCUMENTS in frame else pd.Series([[]] * len(frame), index=frame.index)
    return prepared


def _as_numbers(values: pd.Series) -> pd.Series:
    numbers = feature_column(values)[0]
    if numbers is None or (numbers.notna().any() and numbers.dtype != "float64"):
        raise DataError(
            f"{values.name}: holds something that is no number; a number, a date (YYYY-MM-DD), true, false or null "
            "is due. Correct the column."
        )
    return numbers.astype(np.float64)


def _scaled(params: ModelParams) -> bool:
    """Synthetic rows lie between neighbours, and distances need numbers that are complete and on one scale."""
    return params.head.scaled or params.imbalance in SYNTHETIC


def _dates(meta: UserTableMeta) -> list[str]:
    return [name for name in meta.settings.get("dates", ()) if name in meta.numeric]


def _numeric(scaled: bool, seed: int) -> BaseEstimator | str:
    if not scaled:
        return "passthrough"
    return make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        QuantileTransformer(n_quantiles=QUANTILES, output_distribution="normal", subsample=50_000, random_state=seed),
        StandardScaler(),
    )


def _text(name: str, params: ModelParams, seed: int, store: str | None) -> BaseEstimator:
    if name == "encoder":
        return EncodedDocuments(
            encoder=params.encoder,
            store=store,
            components=params.text_components,
            reduction=params.reduction,
            weighting=params.weighting,
            seed=seed,
        )
    terms: dict[str, Any] = {
        "ngram_max": params.ngram_max,
        "min_df": params.min_df,
        "stop_words": params.stop_words,
        "seed": seed,
    }
    if wide(params):
        # Rows of terms have length 1 already; scaling each term would make the rarest the loudest.
        return TfidfDocuments(max_features=params.tfidf_width, components=None, **terms)
    text = TfidfDocuments(components=params.text_components, **terms)
    return make_pipeline(text, StandardScaler()) if _scaled(params) else text
