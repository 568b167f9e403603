"""Size of an order: what it costs and how many lines it has."""

from __future__ import annotations

from purchasing_power.snapshot.arithmetic import mean, ratio, spread, total
from purchasing_power.snapshot.feature import Block, Feature
from purchasing_power.snapshot.plan import Plan


def features(plan: Plan) -> list[Feature]:
    """Means, spread and extremes of orders within the lookback."""
    within = "of an order within the lookback"
    return [
        Feature("order_amount_mean", "currency", f"Mean amount {within}.", lambda t: mean(t.amount)),
        Feature(
            "order_amount_std",
            "currency",
            f"Standard deviation of the amount {within}.",
            lambda t: spread(t.amount),
        ),
        Feature("order_amount_max", "currency", f"Largest amount {within}.", lambda t: t.amount.max()),
        Feature(
            "order_amount_last", "currency", "Amount of the last order.", lambda t: t.amount.argmax(t.number)
        ),
        Feature(
            f"order_amount_mean_{plan.recent}d",
            "currency",
            f"Mean amount of an order in the last {plan.recent} days.",
            lambda t: mean(t.amount, t.age_days <= plan.recent),
        ),
        Feature("lines_per_order", "order lines", f"Mean number of lines {within}.", lambda t: mean(t.lines)),
        Feature("lines_max", "order lines", f"Largest number of lines {within}.", lambda t: t.lines.max()),
        Feature(
            "amount_per_line",
            "currency",
            "Mean amount of an order line within the lookback.",
            lambda t: ratio(total(t.amount), total(t.lines)),
        ),
        Feature(
            "small_order_share",
            "share",
            "Share of orders within the lookback with three lines or fewer.",
            lambda t: ratio(t.count(where=t.lines <= 3), t.count()),
        ),
    ]


BLOCK = Block("basket", ("orders",), lambda history: history.orders_at, features)
