"""Reference statistics of a version: computed once when it is trained, so that watching it needs no training rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from purchasing_power.explain.explanation import explain
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.reference.columns import ComparedColumns, feature_columns, is_numeric, score_columns
from purchasing_power.reference.held_back import HeldBack, measure_held_back
from purchasing_power.reference.rows import one_per_user, score_rows, usable_rows
from purchasing_power.reference.sketch import (
    Counts,
    NumericSketch,
    Sketch,
    count_categories,
    count_numbers,
    sketch_categories,
    sketch_numbers,
)
from purchasing_power.reference.texts import Terms, Vectors, known_terms, sampled_bag, user_vectors
from purchasing_power.snapshot.user_table import CUTOFF, DOCUMENTS, UserTable, UserTableMeta

# Rows that are explained to measure feature importance.
EXPLAINED = 200


@dataclass(frozen=True)
class Reference:
    """What a version was trained on, without a feature or an id of any user.

    Attributes
    ----------
    columns
        Sketch of each feature and text descriptor, of one random row per user.
    scores
        Sketch of score and tier (or of the likeliest class) of one calibration row per user.
    users, score_users
        Users behind either.
    cutoffs, cutoff_users
        ISO dates of the cutoffs behind ``by_cutoff`` of the columns, and the users at each; empty for a flat table.
    score_cutoffs
        ISO dates of the cutoffs of the scores.
    importance
        Feature importance of each column as a share, 0 to 1; sums to 1, see :func:`column_importance`.
    vectors, terms
        What users' texts are like; ``None`` for a table without documents.
    held_back
        Predictions on the held-back rows: the reference performance, and what corrects the estimate.
    """

    columns: dict[str, Sketch]
    scores: dict[str, Sketch]
    users: int
    score_users: int
    cutoffs: tuple[str, ...]
    cutoff_users: tuple[int, ...]
    score_cutoffs: tuple[str, ...]
    importance: dict[str, float]
    vectors: Vectors | None
    terms: Terms | None
    held_back: HeldBack


def measure(model: PurchasingModel, trained_on: UserTable, seed: int) -> Reference:
    """Measure the rows that a model was trained and calibrated on.

    Raises
    ------
    DataError
        If ``trained_on`` is not the table that the model was trained on.
    """
    usable = usable_rows(model, trained_on)
    rows, scored = one_per_user(trained_on, usable, seed), score_rows(model, trained_on, seed)
    codes, dates, users = _cutoffs(trained_on, usable)
    every = trained_on.rows(usable) if dates else None
    predictions = model.predict(scored.frame)
    has_texts = DOCUMENTS in trained_on.frame
    return Reference(
        columns=sketches(feature_columns(rows, model.meta), _every(every, model.meta), codes),
        scores=sketches(score_columns(predictions)),
        users=len(rows.frame),
        score_users=len(scored.frame),
        cutoffs=dates,
        cutoff_users=users,
        score_cutoffs=_cutoffs(scored, np.arange(len(scored.frame)))[1],
        importance=column_importance(model, rows, seed),
        vectors=user_vectors(model, rows, seed) if has_texts else None,
        terms=known_terms(sampled_bag(rows, seed)) if has_texts else None,
        held_back=measure_held_back(model, trained_on),
    )


def sketches(
    columns: ComparedColumns, every: ComparedColumns | None = None, codes: np.ndarray | None = None
) -> dict[str, Sketch]:
    """Sketch of each column; ``every`` holds the same columns at every cutoff, ``codes`` those rows' cutoffs."""
    found: dict[str, Sketch] = {}
    for name, column in columns.items():
        other = None if every is None else every[name]
        if is_numeric(column):
            numbers = None if other is None else other.to_numpy(np.float64)
            found[name] = sketch_numbers(column.to_numpy(np.float64), numbers, codes)
        else:
            found[name] = sketch_categories(column, other, codes)
    return found


def count_column(sketch: Sketch, column: pd.Series) -> Counts:
    """Count a later sample of a column as its sketch is counted."""
    if isinstance(sketch, NumericSketch):
        return count_numbers(column.to_numpy(np.float64), sketch.cuts, sketch.low, sketch.high)
    return count_categories(column, sketch.names, sketch.known)


def column_importance(model: PurchasingModel, rows: UserTable, seed: int) -> dict[str, float]:
    """Mean absolute SHAP value of each feature and of ``documents`` on at most 200 rows, divided by their sum.

    Source: Lundberg & Lee (2017), A unified approach to interpreting model predictions, NeurIPS 30.
    """
    sample = one_per_user(rows, np.random.default_rng(seed).permutation(len(rows.frame))[:EXPLAINED], seed)
    size = explain(model, sample.frame, seed).parts.abs().mean()
    total = float(size.sum())
    return {str(name): float(value) / total if total else 0.0 for name, value in size.items()}


def _every(every: UserTable | None, meta: UserTableMeta) -> ComparedColumns | None:
    return None if every is None else feature_columns(every, meta)


def _cutoffs(
    table: UserTable, rows: np.ndarray
) -> tuple[np.ndarray | None, tuple[str, ...], tuple[int, ...]]:
    """Cutoff of each row as a code, the cutoffs as ISO dates, and rows at each; nothing for a flat table."""
    if CUTOFF not in table.frame:
        return None, (), ()
    codes, moments = pd.factorize(table.frame[CUTOFF].iloc[rows], sort=True)
    dates = tuple(f"{moment:%Y-%m-%d}" for moment in moments)
    return codes, dates, tuple(int(count) for count in np.bincount(codes, minlength=len(dates)))
