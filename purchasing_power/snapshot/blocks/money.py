"""Recency, frequency and monetary value of orders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ibis.expr.types as ir

from purchasing_power.snapshot.arithmetic import total
from purchasing_power.snapshot.feature import Block, Feature
from purchasing_power.snapshot.plan import Plan

PAID = "Amount paid less returns"


def features(plan: Plan) -> list[Feature]:
    """Recency over the lookback, then orders, spend, lines and quantity per window."""
    last = "Time from the last order to the cutoff."
    first = "Time from the first order within the lookback to the cutoff."
    recency = [
        Feature("days_since_order", "days", last, "距上次下单的天数", lambda t: t.age_days.min()),
        Feature("days_since_first_order", "days", first, "距首次下单的天数", lambda t: t.age_days.max()),
    ]
    return recency + [feature for days in plan.windows for feature in _window(days)]


def _window(days: int) -> list[Feature]:
    def count(t: ir.Table) -> Any:
        return t.count(where=t.age_days <= days)

    def sum_of(column: str) -> Callable[[ir.Table], Any]:
        return lambda t: total(t[column], t.age_days <= days)

    def paid(t: ir.Table) -> Any:
        return total(t.paid, t.paid_days <= days)

    last, last_zh = f"in the last {days} days.", f"近 {days} 天"
    return [
        Feature(f"orders_{days}d", "orders", f"Orders {last}", f"{last_zh}下单次数", count, 0.0),
        Feature(f"spend_{days}d", "currency", f"{PAID} {last}", f"{last_zh}消费金额", paid, 0.0),
        Feature(f"lines_{days}d", "order lines", f"Order lines {last}", f"{last_zh}订单行数", sum_of("lines"), 0.0),
        Feature(f"quantity_{days}d", "pieces", f"Pieces {last}", f"{last_zh}购买件数", sum_of("quantity"), 0.0),
    ]


BLOCK = Block("recency_frequency_money", ("orders",), lambda history: history.money_at, features)
