"""The evidence of a monitoring job: quality of the rows, drift of columns, texts and scores, performance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from monitoring.drift.column_drift import category_changes, columns_drift, scores_drift, tier_shares
from monitoring.drift.comparison import WindowComparison
from monitoring.drift.results import ColumnDrift, QualityCheck, ShareChange, TextDrift, TierShare, WindowDrift
from monitoring.drift.text_drift import FALSE_DISCOVERY_RATE, text_drift
from monitoring.drift.window_drift import window_drift, with_text_importance
from monitoring.performance.results import EstimatedFigure, Performance
from purchasing_power.actions.campaign_list import CampaignList


@dataclass(frozen=True)
class Evidence:
    """All that a decision rests on.

    Attributes
    ----------
    users, reference_users
        Distinct current users and users of the reference.
    columns
        Drift of each feature and of the text descriptors.
    score
        Drift of the model's score.
    quality
        Checks of the current rows before they are compared.
    text
        Drift of the texts; ``None`` where either sample has none.
    tiers
        Shares of the tiers; empty for a model that gives no score.
    categories
        Categories whose share rose or fell.
    window
        Drift of the window as a whole.
    estimates
        Figures that are expected before labels mature, the one that the model was chosen by first; empty for a model
        whose score is no probability.
    campaign
        The campaign list; ``None`` for a model that gives no tier.
    """

    users: int
    reference_users: int
    columns: tuple[ColumnDrift, ...]
    score: ColumnDrift
    performance: Performance
    quality: tuple[QualityCheck, ...] = ()
    text: TextDrift | None = None
    tiers: tuple[TierShare, ...] = ()
    categories: tuple[ShareChange, ...] = ()
    window: WindowDrift | None = None
    estimates: tuple[EstimatedFigure, ...] = ()
    campaign: CampaignList | None = None


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
