"""All that a job finds out about one window of rows, from counts and stored statistics alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from monitoring.drift.column_drift import columns_drift, moved_categories, scores_drift, tier_shares
from monitoring.drift.comparison import Sides
from monitoring.drift.results import ColumnDrift
from monitoring.drift.text_drift import WRONGLY_NAMED, text_drift
from monitoring.drift.window import judge, with_text_use
from monitoring.evidence import Evidence
from monitoring.performance.results import Performance
from purchasing_power.reference.columns import PREDICTED, SCORE


@dataclass(frozen=True)
class Found:
    """What was compared, and what was found.

    Attributes
    ----------
    scores
        Drift of score and tier, or of the likeliest class, by name.
    """

    sides: Sides
    evidence: Evidence
    scores: dict[str, ColumnDrift]


def find(both: Sides, meanings: Mapping[str, str], performance: Performance, seed: int) -> Found:
    """Compare both sides column by column, by their texts and by what the model says of them."""
    reference = both.reference
    moment = None if both.moment is None else both.moment.date()
    columns = columns_drift(reference, both.columns, meanings, moment)
    scores = scores_drift(reference, both.scores, meanings)
    text = None
    if both.vectors is not None and both.documents is not None:
        text = text_drift((reference.vectors, reference.terms), both.vectors, both.documents, seed)
    score = scores[SCORE if SCORE in scores else PREDICTED]
    evidence = Evidence(
        users=both.users,
        reference_users=reference.users,
        columns=columns,
        score=score,
        performance=performance,
        quality=both.quality,
        text=text,
        tiers=tier_shares(reference, both.scores),
        categories=moved_categories(reference, both.columns, WRONGLY_NAMED),
        window=with_text_use(judge(columns, score, text), reference.use),
    )
    return Found(both, evidence, scores)
