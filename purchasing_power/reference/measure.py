"""Reference statistics of a version: computed once when it is trained, so that watching it needs no training rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.explain.explanation import explain
from purchasing_power.model.protocol import Model, Table
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.reference.columns import ComparedColumns, is_numeric
from purchasing_power.reference.held_out import HeldOut, measure_held_out
from purchasing_power.reference.kind import ReferenceKind
from purchasing_power.reference.rows import one_per_group
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
from purchasing_power.snapshot.user_table import DOCUMENTS, USER, UserTable

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
        Feature importance of each column as a share, 0 to 1; sums to 1, see :meth:`ReferenceKind.importance`.
    vectors, terms
        What users' texts are like; ``None`` for a table without documents.
    held_out
        Predictions on the held-out rows: the reference performance, and what corrects the estimate.
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
    held_out: HeldOut


def measure(kind: ReferenceKind, model: Model, trained_on: Table, seed: int) -> Reference:
    """Measure the rows that a model was trained on.

    Raises
    ------
    DataError
        If ``trained_on`` is not the table that the model was trained on.
    """
    _check_same_table(model, trained_on)
    usable = kind.reference_rows(model, trained_on)
    rows = one_per_group(trained_on, usable, kind.group, seed)
    scored = one_per_group(trained_on, kind.score_rows(model, trained_on), kind.group, seed)
    codes, dates, users = _cutoffs(kind, trained_on, usable)
    every = kind.watched_columns(model, trained_on.rows(usable)) if dates else None
    vectors, terms = text_statistics(kind, model, rows, seed)
    return Reference(
        columns=sketches(kind.watched_columns(model, rows), every, codes),
        scores=sketches(kind.watched_predictions(model.predict(scored.frame))),
        users=len(rows.frame),
        score_users=len(scored.frame),
        cutoffs=dates,
        cutoff_users=users,
        score_cutoffs=_cutoffs(kind, scored, np.arange(len(scored.frame)))[1],
        importance=kind.importance(model, rows, seed),
        vectors=vectors,
        terms=terms,
        held_out=measure_held_out(kind, model, trained_on),
    )


def text_statistics(kind: ReferenceKind, model: Model, rows: Table, seed: int) -> tuple[Vectors | None, Terms | None]:
    """What users' texts are like; nothing for a table without documents."""
    if DOCUMENTS not in rows.frame:
        return None, None
    vectors = user_vectors(rows.frame, kind.group, lambda frame: kind.text_vectors(model, frame), seed)
    return vectors, known_terms(sampled_bag(rows.frame, seed))


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


def shap_importance(model: PurchasingModel, rows: UserTable, seed: int) -> dict[str, float]:
    """Mean absolute SHAP value of each feature and of ``documents`` on at most 200 rows, divided by their sum.

    Source: Lundberg & Lee (2017), A unified approach to interpreting model predictions, NeurIPS 30.
    """
    chosen = np.random.default_rng(seed).permutation(len(rows.frame))[:EXPLAINED]
    sample = one_per_group(rows, chosen, USER, seed)
    size = explain(model, sample.frame, seed).parts.abs().mean()
    total = float(size.sum())
    return {str(name): float(value) / total if total else 0.0 for name, value in size.items()}


def _cutoffs(
    kind: ReferenceKind, table: Table, rows: np.ndarray
) -> tuple[np.ndarray | None, tuple[str, ...], tuple[int, ...]]:
    """Cutoff of each row as a code, the cutoffs as ISO dates, and rows at each; nothing for a table without cutoffs."""
    moments = kind.moments(table) if kind.has_cutoffs(table) else None
    if moments is None:
        return None, (), ()
    codes, cutoffs = pd.factorize(moments.iloc[rows], sort=True)
    dates = tuple(f"{moment:%Y-%m-%d}" for moment in cutoffs)
    return codes, dates, tuple(int(count) for count in np.bincount(codes, minlength=len(dates)))


def _check_same_table(model: Model, trained_on: Table) -> None:
    digest = trained_on.digest()
    if digest != model.training.digest:
        raise DataError(
            f"reference: got a table with digest {digest}; the model was trained on {model.training.digest}. "
            "Give the table that the version's users tag names, or train again."
        )
