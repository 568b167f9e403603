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
    found = [
        Feature(
            "days_since_event",
            "days",
            "Time from the last event.",
            lambda t: t.age_days.min(where=~t.is_order),
        )
    ]
    for days in (days for days in WINDOWS if days <= plan.lookback):
        found.append(
            Feature(f"events_{days}d", "events", f"Events in the last {days} days.", _count(days), 0.0)
        )
        found += [
            Feature(
                f"event_{slug}_{days}d",
                "events",
                f"Events of kind {kind} in the last {days} days.",
                _count(days, kind),
                0.0,
            )
            for slug, kind in zip(slugs(plan.events), plan.events, strict=True)
        ]
    per_order = f"_per_order_{plan.lookback}d"
    found.append(
        Feature(
            f"events{per_order}", "events per order", "Events over orders, lookback.", _rate(plan.lookback)
        )
    )
    if VIEW in plan.events:
        found.append(
            Feature(
                f"views{per_order}",
                "views per order",
                "Views over orders, lookback.",
                _rate(plan.lookback, VIEW),
            )
        )
    return found


def _count(days: int, kind: str | None = None) -> Callable[[ir.Table], Any]:
    def count(t: ir.Table) -> Any:
        inside = ~t.is_order & (t.age_days <= days)
        return t.count(where=inside if kind is None else inside & (t.event == kind))

    return count


def _rate(days: int, kind: str | None = None) -> Callable[[ir.Table], Any]:
    return lambda t: ratio(_count(days, kind)(t), t.count(where=t.is_order))


BLOCK = Block("behaviour", ("events",), rows, features)
