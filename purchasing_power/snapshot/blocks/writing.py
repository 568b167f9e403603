"""How much and how recently a user writes; what is written goes to ``documents``."""

from __future__ import annotations

from collections.abc import Callable

import ibis.expr.types as ir

from purchasing_power.snapshot.arithmetic import mean
from purchasing_power.snapshot.feature import Block, Feature
from purchasing_power.snapshot.history import History
from purchasing_power.snapshot.plan import Plan


def rows(history: History) -> ir.Table:
    """Texts within the lookback of every cutoff with their length."""
    texts = history.timed("texts", "text")
    return history.at_cutoffs(texts.select("user", "second", characters=texts.text.length()))


def features(plan: Plan) -> list[Feature]:
    """Texts per window, recency and length."""
    windows = plan.spans(28)
    found = [
        Feature(
            f"texts_{days}d",
            "texts",
            f"Texts written in the last {days} days.",
            _count(days),
            0.0,
        )
        for days in windows
    ]
    length = "Mean length of the texts written within the lookback."
    return [
        *found,
        Feature("days_since_text", "days", "Time from the last text written.", lambda t: t.age_days.min()),
        Feature("text_length_mean", "characters", length, lambda t: mean(t.characters)),
    ]


def _count(days: int) -> Callable[[ir.Table], ir.Value]:
    return lambda t: t.count(where=t.age_days <= days)


BLOCK = Block("texts", ("texts",), rows, features)
