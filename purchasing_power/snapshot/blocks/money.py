"""Recency, frequency and monetary value of orders."""

from __future__ import annotations

import ibis.expr.types as ir

from purchasing_power.snapshot.arithmetic import total
from purchasing_power.snapshot.feature import Block, Feature
from purchasing_power.snapshot.plan import Plan


def features(plan: Plan) -> list[Feature]:
    """Recency over the lookback, then orders, spend, lines and quantity per window."""
    found = [
        Feature(
            "days_since_order", "days", "Time from the last order to the cutoff.", lambda t: t.age_days.min()
        ),
        Feature(
            "days_since_first_order",
            "days",
            "Time from the first order within the lookback to the cutoff.",
            lambda t: t.age_days.max(),
        ),
    ]
    for days in plan.windows:
        found += _window(days)
    return found


def _window(days: int) -> list[Feature]:
    def inside(t: ir.Table) -> ir.BooleanValue:
        return t.age_days <= days

    last = f"in the last {days} days"
    return [
        Feature(f"orders_{days}d", "orders", f"Orders {last}.", lambda t: t.count(where=inside(t)), 0.0),
        Feature(
            f"spend_{days}d", "currency", f"Amount paid {last}.", lambda t: total(t.amount, inside(t)), 0.0
        ),
        Feature(
            f"lines_{days}d", "order lines", f"Order lines {last}.", lambda t: total(t.lines, inside(t)), 0.0
        ),
        Feature(
            f"quantity_{days}d", "pieces", f"Pieces {last}.", lambda t: total(t.quantity, inside(t)), 0.0
        ),
    ]


BLOCK = Block("recency_frequency_money", ("orders",), lambda history: history.orders_at, features)
