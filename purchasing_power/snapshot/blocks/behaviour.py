"""What a user does in the shop besides ordering: views, searches, carts and other events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ibis
import ibis.expr.types as ir

from purchasing_power.snapshot.arithmetic import ratio
from purchasing_power.snapshot.feature import Block, Feature, slugs
from purchasing_power.snapshot.history import History
from purchasing_power.snapshot.plan import Plan

WINDOWS = (7, 28, 84)
VIEW = "view"


def rows(history: History) -> ir.Table:
    """Events within the lookback of every cutoff, and the orders too (``is_order``), for rates per order."""
    events = history.timed("events", "event")
    orders = history.orders.select("user", event=ibis.null("string"), second="second", is_order=True)
    return history.at_cutoffs(events.select("user", "event", "second", is_order=False).union(orders))


def features(plan: Plan) -> list[Feature]:
    """Events by kind and window, recency, and events and views per order."""

    def recency(t: ir.Table) -> Any:
        return t.age_days.min(where=~t.is_order)

    windows = (days for days in WINDOWS if days <= plan.lookback)
    return [
        Feature("days_since_event", "days", "Time from the last event.", "距上次行为事件的天数", recency),
        *(feature for days in windows for feature in _window(days, plan.events)),
        *_per_order(plan),
    ]


def _window(days: int, events: list[str]) -> list[Feature]:
    last, last_zh = f"in the last {days} days.", f"近 {days} 天"
    return [
        Feature(f"events_{days}d", "events", f"Events {last}", f"{last_zh}行为事件数", _count(days), 0.0),
        *(
            Feature(
                f"event_{slug}_{days}d",
                "events",
                f"Events of kind {kind} {last}",
                f"{last_zh}“{kind}”事件数",
                _count(days, kind),
                0.0,
            )
            for slug, kind in zip(slugs(events), events, strict=True)
        ),
    ]


def _per_order(plan: Plan) -> list[Feature]:
    days = plan.lookback
    events, last_zh = "Events over orders, lookback.", f"近 {days} 天"
    rates = [
        Feature(f"events_per_order_{days}d", "events per order", events, f"{last_zh}每单对应的行为事件数", _rate(days))
    ]
    if VIEW in plan.events:
        views, name = "Views over orders, lookback.", f"{last_zh}每单对应的浏览次数"
        rates.append(Feature(f"views_per_order_{days}d", "views per order", views, name, _rate(days, VIEW)))
    return rates


def _count(days: int, kind: str | None = None) -> Callable[[ir.Table], Any]:
    def count(t: ir.Table) -> Any:
        inside = ~t.is_order & (t.age_days <= days)
        return t.count(where=inside if kind is None else inside & (t.event == kind))

    return count


def _rate(days: int, kind: str | None = None) -> Callable[[ir.Table], Any]:
    return lambda t: ratio(_count(days, kind)(t), t.count(where=t.is_order))


BLOCK = Block("behaviour", ("events",), rows, features)
