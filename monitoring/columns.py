"""What the compared columns say, for people."""

from __future__ import annotations

from collections.abc import Mapping

from purchasing_power.reference.columns import DESCRIPTORS, MISSING, OTHER, PREDICTED, SCORE, TIER
from purchasing_power.snapshot.user_table import UserTableMeta

__all__ = ["MISSING", "OTHER", "PREDICTED", "SCORE", "SCORES", "TIER", "meanings"]

SCORES = {
    SCORE: "The model's score.",
    TIER: "Purchasing power that the model sees: low, middle or high.",
    PREDICTED: "The likeliest class.",
}


def meanings(meta: UserTableMeta) -> Mapping[str, str]:
    """What each column says, where that is known."""
    return {**DESCRIPTORS, **SCORES, **meta.meanings}
