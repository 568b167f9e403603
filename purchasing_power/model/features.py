"""The feature matrix: tabular columns and text representations of a user table, block by block."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, StandardScaler

from purchasing_power.model.params import ModelParams
from purchasing_power.snapshot.user_table import DOCUMENTS, UserTableMeta
from purchasing_power.text.vectorize import EncodedDocuments, TfidfDocuments

RARE_ROWS = 10
MOST_CATEGORIES = 30
QUANTILES = 100


def blocks(
    params: ModelParams, meta: UserTableMeta, seed: int, store: str | None = None
) -> list[tuple[str, BaseEstimator, list[str]]]:
    """Unfitted (name, transformer, columns) of each block; trees take numbers as they are.

    Parameters
    ----------
    store
        Folder of the vector store; ``None`` keeps vectors in this process.
    """
    linear = params.head != "lightgbm"
    chosen: list[tuple[str, BaseEstimator, list[str]]] = []
    if meta.numeric:
        chosen.append(("numeric", _numeric(linear, seed), list(meta.numeric)))
    if meta.categorical:
        chosen.append(("categorical", _categorical(), list(meta.categorical)))
    for name in params.text_blocks:
        text = _text(name, params, seed, store)
        chosen.append((name, make_pipeline(text, StandardScaler()) if linear else text, [DOCUMENTS]))
    return chosen


def transformer(
    params: ModelParams, meta: UserTableMeta, seed: int, store: str | None = None
) -> ColumnTransformer:
    """An unfitted ColumnTransformer of :func:`blocks`; its output is dense, shape (n_rows, n_columns)."""
    return ColumnTransformer(blocks(params, meta, seed, store), sparse_threshold=0.0)


def block_key(name: str, params: ModelParams) -> tuple[Any, ...]:
    """What a fitted block depends on besides its rows: equal keys give equal columns."""
    linear = params.head != "lightgbm"
    text = {
        "tfidf": (params.text_components, params.ngram_max),
        "encoder": (params.text_components, params.encoder, params.weighting),
    }
    return (name, name != "categorical" and linear, *text.get(name, ()))


def column_groups(fitted: ColumnTransformer, meta: UserTableMeta) -> dict[str, list[int]]:
    """Matrix columns that stem from each user-table column; text representations are groups of their own."""
    groups: dict[str, list[int]] = {}
    for name, columns in fitted.output_indices_.items():
        positions = list(range(columns.start, columns.stop))
        if name == "numeric":
            groups.update({column: [at] for column, at in zip(meta.numeric, positions, strict=True)})
        elif name == "categorical":
            widths = [len(names) for names in _one_hot_names(fitted.named_transformers_[name], meta)]
            ends = np.cumsum(widths)
            for column, end, width in zip(meta.categorical, ends, widths, strict=True):
                groups[column] = positions[end - width : end]
        elif name != "remainder" and positions:
            groups[f"text ({name})"] = positions
    return groups


def set_encoder(fitted: ColumnTransformer, encoder: str, warm_store: str | None, store: str | None) -> None:
    """Point the fitted encoder block at another folder of the same model, and at other vector stores."""
    block = fitted.named_transformers_.get("encoder")
    if block is not None:
        text = block[0] if hasattr(block, "steps") else block
        text.set_params(encoder=encoder, warm_store=warm_store, store=store)


def prepare(frame: pd.DataFrame, meta: UserTableMeta) -> pd.DataFrame:
    """The feature columns with the types that fitting saw: float64 (infinite as missing), strings, documents."""
    numeric = frame.loc[:, list(meta.numeric)].astype(np.float64).replace([np.inf, -np.inf], np.nan)
    categorical = frame.loc[:, list(meta.categorical)].astype(object)
    categorical = categorical.where(categorical.notna(), None)
    prepared = pd.concat([numeric, categorical], axis=1)
    prepared[DOCUMENTS] = (
        frame[DOCUMENTS] if DOCUMENTS in frame else pd.Series([[]] * len(frame), index=frame.index)
    )
    return prepared


def _numeric(linear: bool, seed: int) -> BaseEstimator | str:
    if not linear:
        return "passthrough"
    return make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        QuantileTransformer(
            n_quantiles=QUANTILES, output_distribution="normal", subsample=50_000, random_state=seed
        ),
        StandardScaler(),
    )


def _categorical() -> BaseEstimator:
    return make_pipeline(
        SimpleImputer(
            strategy="constant", fill_value="missing", missing_values=None, keep_empty_features=True
        ),
        OneHotEncoder(
            handle_unknown="infrequent_if_exist",
            min_frequency=RARE_ROWS,
            max_categories=MOST_CATEGORIES,
            sparse_output=False,
            dtype=np.float32,
        ),
    )


def _text(name: str, params: ModelParams, seed: int, store: str | None) -> BaseEstimator:
    if name == "tfidf":
        return TfidfDocuments(ngram_max=params.ngram_max, components=params.text_components, seed=seed)
    return EncodedDocuments(
        encoder=params.encoder,
        store=store,
        components=params.text_components,
        weighting=params.weighting,
        seed=seed,
    )


def _one_hot_names(pipeline: Any, meta: UserTableMeta) -> list[list[str]]:
    encoder = pipeline[-1]
    names = list(encoder.get_feature_names_out(list(meta.categorical)))
    widths = [
        len(values) - (len(infrequent) - 1 if infrequent is not None else 0)
        for values, infrequent in zip(encoder.categories_, encoder.infrequent_categories_, strict=True)
    ]
    ends = np.cumsum(widths)
    return [names[end - width : end] for end, width in zip(ends, widths, strict=True)]
