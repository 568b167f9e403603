"""Drift of one window of rows, from counts and stored statistics alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from monitoring.drift.column_drift import category_changes, columns_drift, scores_drift, tier_shares
from monitoring.drift.comparison import WindowComparison
from monitoring.drift.results import ColumnDrift
from monitoring.drift.text_drift import FALSE_DISCOVERY_RATE, text_drift
from monitoring.drift.window_drift import window_drift, with_text_importance
from monitoring.evidence import Evidence
from monitoring.performance.results import Performance


@dataclass(frozen=True)
class DriftResult:
    """What was compared, and the evidence that the comparison gave.

    Attributes
    ----------
    scores
        Drift of score and tier, or of the likeliest class, by name.
    """

    comparison: WindowComparison
    evidence: Evidence
    scores: dict[str, ColumnDrift]


def detect(
    comparison: WindowComparison, meanings: Mapping[str, str], performance: Performance, seed: int
) -> DriftResult:
    """Detect drift column by column, of the texts and of the predictions."""
    reference = comparison.reference
    moment = None if comparison.moment is None else comparison.moment.date()
    columns = columns_drift(reference, comparison.columns, meanings, moment)
    scores = scores_drift(reference, comparison.scores, meanings)
    text = None
    if comparison.vectors is not None and comparison.documents is not None:
        stored = (reference.vectors, reference.terms)
        text = text_drift(stored, comparison.vectors, comparison.documents, seed)
    # The first column of predictions is the one that the verdict rests on.
    score = next(iter(scores.values()))
    evidence = Evidence(
        users=comparison.users,
        reference_users=reference.users,
        columns=columns,
        score=score,
        performance=performance,
        quality=comparison.quality,
        text=text,
        tiers=tier_shares(reference, comparison.scores),
        categories=category_changes(reference, comparison.columns, FALSE_DISCOVERY_RATE),
        window=with_text_importance(window_drift(columns, score, text), reference.importance),
    )
    return DriftResult(comparison, evidence, scores)
