"""Where and when a user shops: stores, days of the week and hours (UTC, as orders carry them)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ibis.expr.types as ir

from purchasing_power.snapshot.arithmetic import ratio, total
from purchasing_power.snapshot.feature import Block, Feature
from purchasing_power.snapshot.history import DAY, History
from purchasing_power.snapshot.plan import Plan

# First hour, hour after the last, Chinese name.
DAY_PARTS = {
    "night": (0, 6, "夜间"),
    "morning": (6, 12, "上午"),
    "afternoon": (12, 18, "下午"),
    "evening": (18, 24, "晚间"),
}
SATURDAY = 5
# 1970-01-01 was a Thursday, day 3 of a week that begins on Monday.
FIRST_WEEKDAY = 3


def store_rows(history: History) -> ir.Table:
    """One row per user, cutoff and store within the lookback."""
    rows = history.orders_at.filter(history.orders_at.store_id.notnull())
    return rows.group_by("user", "cutoff", "store_id").aggregate(orders=rows.count())


def store_features(plan: Plan) -> list[Feature]:
    """Number of stores and the share of the main one."""
    days = plan.lookback
    return [
        Feature(
            f"stores_{days}d",
            "stores",
            f"Different stores ordered from in the last {days} days.",
            f"近 {days} 天光顾的不同门店数",
            lambda t: t.count(),
            0.0,
        ),
        Feature(
            f"main_store_share_{days}d",
            "share",
            f"Share of the orders of the last {days} days that went to the store with most of them.",
            f"近 {days} 天最常去门店的订单占比",
            lambda t: ratio(t.orders.max(), total(t.orders)),
        ),
    ]


def time_rows(history: History) -> ir.Table:
    """Orders with ``hour`` (0 to 23) and ``weekday`` (0 is Monday)."""
    rows = history.orders_at
    return rows.mutate(hour=rows.second % DAY // 3600, weekday=(rows.second // DAY + FIRST_WEEKDAY) % 7)


def time_features(plan: Plan) -> list[Feature]:
    """Shares of weekend and day parts, and how many days of the week are used."""

    def weekend(t: ir.Table) -> Any:
        return ratio(t.count(where=t.weekday >= SATURDAY), t.count())

    def weekdays(t: ir.Table) -> Any:
        return t.weekday.nunique()

    days = plan.lookback
    within, last_zh = f"of the orders of the last {days} days", f"近 {days} 天"
    share, different = f"Share {within} on Saturday or Sunday.", f"Different days of the week {within}."
    return [
        Feature(f"weekend_share_{days}d", "share", share, f"{last_zh}周末订单占比", weekend),
        Feature(f"weekdays_{days}d", "weekdays", different, f"{last_zh}下单的不同星期数", weekdays, 0.0),
        *(
            Feature(
                f"{part}_share_{days}d",
                "share",
                f"Share {within} from {start}:00 to {stop}:00 UTC.",
                f"{last_zh}{name}（{start}–{stop} 点）订单占比",
                _part(start, stop),
            )
            for part, (start, stop, name) in DAY_PARTS.items()
        ),
    ]


def _part(start: int, stop: int) -> Callable[[ir.Table], ir.Value]:
    return lambda t: ratio(t.count(where=(t.hour >= start) & (t.hour < stop)), t.count())


BLOCKS = [
    Block("stores", ("orders.store_id",), store_rows, store_features),
    Block("order_times", ("orders",), time_rows, time_features),
]
