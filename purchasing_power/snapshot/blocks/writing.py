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
    since, length = ("Time from the last text written.", "Mean length of the texts written within the lookback.")
    return [
        *(_window(days) for days in plan.spans(28)),
        Feature("days_since_text", "days", since, "距上次撰写文本的天数", lambda t: t.age_days.min()),
        Feature("text_length_mean", "characters", length, "文本平均长度（字符）", lambda t: mean(t.characters)),
    ]


def _window(days: int) -> Feature:
    meaning = f"Texts written in the last {days} days."
    return Feature(f"texts_{days}d", "texts", meaning, f"近 {days} 天撰写的文本数", _count(days), 0.0)


def _count(days: int) -> Callable[[ir.Table], ir.Value]:
    return lambda t: t.count(where=t.age_days <= days)


BLOCK = Block("texts", ("texts",), rows, features)
