"""Prediction drift: the shares of the tiers, expected and now, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from monitoring.columns import TIER
from monitoring.drift.results import TierShare
from purchasing_power.reference.measure import Reference
from purchasing_power.reference.sketch import CategoryCounts, CategorySketch, Counts
from purchasing_power.snapshot.target import TIERS

DEVIATIONS = 1.96


def tier_shares(reference: Reference, now: Mapping[str, Counts]) -> tuple[TierShare, ...]:
    """Shares of the tiers on the calibration rows and now; nothing for a model that gives no tier.

    A campaign list is the users of one tier: how long it becomes was promised by the shares at training.
    """
    sketch, counts = reference.scores.get(TIER), now.get(TIER)
    if not isinstance(sketch, CategorySketch) or not isinstance(counts, CategoryCounts):
        return ()
    before = dict(zip(sketch.names, sketch.counts, strict=False))
    after = dict(zip(sketch.names, counts.counts, strict=False))
    if counts.largest_users:
        after[counts.largest_other] = counts.largest_users
    users, users_then = int(counts.counts.sum()), max(int(sketch.counts.sum()), 1)
    return tuple(
        TierShare(
            tier, float(before.get(tier, 0) / users_then), *_wilson(int(after.get(tier, 0)), max(users, 1))
        )
        for tier in TIERS
    )


def _wilson(have: int, users: int) -> tuple[float, float, float]:
    """A share with its 95 % interval. Source: Wilson (1927), Probable inference, JASA 22."""
    share, square = have / users, DEVIATIONS**2
    middle = (share + square / (2 * users)) / (1 + square / users)
    half = DEVIATIONS * np.sqrt(share * (1 - share) / users + square / (4 * users**2)) / (1 + square / users)
    return share, float(max(0.0, middle - half)), float(min(1.0, middle + half))
