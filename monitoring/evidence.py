"""The evidence of a monitoring job: quality of the rows, drift of columns, texts and scores, performance."""

from __future__ import annotations

from dataclasses import dataclass

from monitoring.drift.results import ColumnDrift, QualityCheck, ShareChange, TextDrift, TierShare, WindowDrift
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
