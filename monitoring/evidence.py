"""What a monitoring job found out: quality of the rows, drift of columns, texts and scores, realised performance."""

from __future__ import annotations

from dataclasses import dataclass

from monitoring.drift.results import Check, ColumnDrift, Moved, TextDrift, TierShare, Window
from monitoring.performance.results import Estimate, Performance
from purchasing_power.actions.campaign_list import CampaignList


@dataclass(frozen=True)
class Evidence:
    """All that a decision rests on.

    Attributes
    ----------
    users, reference_users
        Distinct users compared on either side.
    columns
        Drift of each feature and of the text descriptors.
    score
        Drift of the model's score.
    quality
        What was looked at in the new rows before they were compared.
    text
        Drift of the texts; ``None`` where either side has none.
    tiers
        Shares of the tiers; empty for a model that gives no score.
    categories
        Categories that rose or fell.
    window
        The verdict on the window as a whole.
    estimates
        Figures to be expected before outcomes are known, the one that the model was chosen by first; empty for a model
        whose score is no probability.
    campaign
        The campaign list; ``None`` for a model that gives no tier.
    """

    users: int
    reference_users: int
    columns: tuple[ColumnDrift, ...]
    score: ColumnDrift
    performance: Performance
    quality: tuple[Check, ...] = ()
    text: TextDrift | None = None
    tiers: tuple[TierShare, ...] = ()
    categories: tuple[Moved, ...] = ()
    window: Window | None = None
    estimates: tuple[Estimate, ...] = ()
    campaign: CampaignList | None = None
