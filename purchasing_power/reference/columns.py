"""The columns that are compared: features, text descriptors and scores; no user id and no text among them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from purchasing_power.model.protocol import TableMeta
from purchasing_power.snapshot.user_table import DOCUMENTS, document_codes
from purchasing_power.text.words import words

SCORE, TIER, PREDICTED = "score", "tier", "predicted"
MISSING, OTHER = "missing", "other"
DESCRIPTORS = {
    "documents_per_user": "Texts of the user (written, or titles of what was bought) in the lookback.",
    "words_per_document": "Mean words of a user's texts, stop words left out.",
}
SCORES = {
    SCORE: "The model's score.",
    TIER: "Purchasing power that the model sees: low, middle or high, or none.",
    PREDICTED: "The likeliest class.",
}

ComparedColumns = dict[str, pd.Series]


def meanings(meta: TableMeta) -> dict[str, str]:
    """What each compared column says, in one sentence, where that is known."""
    return {**DESCRIPTORS, **SCORES, **meta.meanings}


def feature_columns(frame: pd.DataFrame, meta: TableMeta) -> ComparedColumns:
    """The model's features as float64 (infinite as missing) and object strings, and the text descriptors."""
    numeric = {
        name: frame[name].astype(np.float64).replace([np.inf, -np.inf], np.nan).reset_index(drop=True)
        for name in meta.numeric
    }
    categorical = {name: as_strings(frame[name]) for name in meta.categorical}
    texts = _descriptors(frame[DOCUMENTS]) if DOCUMENTS in frame else {}
    return {**numeric, **categorical, **texts}


def score_columns(predictions: pd.DataFrame) -> ComparedColumns:
    """Score and tier of what ``PurchasingModel.predict`` gives; the likeliest class where it gives no score."""
    if SCORE not in predictions:
        return {PREDICTED: as_strings(predictions[PREDICTED])}
    return {SCORE: predictions[SCORE].astype(np.float64), TIER: as_strings(predictions[TIER])}


def is_numeric(column: pd.Series) -> bool:
    """Whether a column is compared as numbers."""
    return bool(column.dtype == np.float64)


def as_strings(column: pd.Series) -> pd.Series:
    """Categories of any dtype as plain strings, missing ones as ``"missing"``."""
    plain = column.astype(object).reset_index(drop=True)
    return plain.where(plain.notna(), MISSING).map(str).astype(object)


def _descriptors(documents: pd.Series) -> ComparedColumns:
    offsets, codes, texts = document_codes(documents)
    counts = np.diff(offsets).astype(np.float64)
    lengths = np.zeros(len(texts))
    used = np.unique(codes)
    lengths[used] = [len(words(texts[code])) for code in used]
    owner = np.repeat(np.arange(len(counts)), np.diff(offsets))
    total = np.bincount(owner, weights=lengths[codes], minlength=len(counts))
    mean = np.divide(total, counts, out=np.full(len(counts), np.nan), where=counts > 0)
    return {"documents_per_user": pd.Series(counts), "words_per_document": pd.Series(mean)}
