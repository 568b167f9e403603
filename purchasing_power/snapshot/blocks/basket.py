"""Size of an order: what it costs and how many lines it has."""

from __future__ import annotations

from typing import Any

import ibis.expr.types as ir

from purchasing_power.snapshot.arithmetic import mean, ratio, spread, total
from purchasing_power.snapshot.feature import Block, Feature
from purchasing_power.snapshot.plan import Plan

WITHIN = "of an order within the lookback."


def features(plan: Plan) -> list[Feature]:
    """Means, spread and extremes of orders within the lookback."""
    return [*_amounts(), *_recent_amounts(plan.recent), *_lines()]


def _amounts() -> list[Feature]:
    mean_of, std = f"Mean amount {WITHIN}", f"Standard deviation of the amount {WITHIN}"
    largest, last = f"Largest amount {WITHIN}", "Amount of the last order."
    return [
        Feature("order_amount_mean", "currency", mean_of, "平均每单金额", lambda t: mean(t.amount)),
        Feature("order_amount_std", "currency", std, "每单金额的标准差", lambda t: spread(t.amount)),
        Feature("order_amount_max", "currency", largest, "最高单笔金额", lambda t: t.amount.max()),
        Feature("order_amount_last", "currency", last, "最近一单的金额", lambda t: t.amount.argmax(t.number)),
    ]


def _recent_amounts(days: int) -> list[Feature]:
    return [
        Feature(
            f"order_amount_mean_{days}d",
            "currency",
            f"Mean amount of an order in the last {days} days.",
            f"近 {days} 天平均每单金额",
            lambda t: mean(t.amount, t.age_days <= days),
        )
    ]


def _lines() -> list[Feature]:
    def amount_per_line(t: ir.Table) -> Any:
        return ratio(total(t.amount), total(t.lines))

    def small_share(t: ir.Table) -> Any:
        return ratio(t.count(where=t.lines <= 3), t.count())

    number, largest = f"Mean number of lines {WITHIN}", f"Largest number of lines {WITHIN}"
    amount = "Mean amount of an order line within the lookback."
    small = "Share of orders within the lookback with three lines or fewer."
    return [
        Feature("lines_per_order", "order lines", number, "每单平均行数", lambda t: mean(t.lines)),
        Feature("lines_max", "order lines", largest, "单笔订单的最多行数", lambda t: t.lines.max()),
        Feature("amount_per_line", "currency", amount, "每行平均金额", amount_per_line),
        Feature("small_order_share", "share", small, "小额订单（三行以内）占比", small_share),
    ]


BLOCK = Block("basket", ("orders",), lambda history: history.orders_at, features)
