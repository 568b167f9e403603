"""What a user sends back: how much, what share of what was bought, and when last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ibis.expr.types as ir

from purchasing_power.snapshot.arithmetic import ratio, total
from purchasing_power.snapshot.feature import Block, Feature
from purchasing_power.snapshot.plan import Plan


def features(plan: Plan) -> list[Feature]:
    """Returned lines and amounts per window, their shares, and recency."""
    days = plan.lookback
    lines = f"Returned lines over order lines, last {days} days; above 1 where older orders went back."
    amount = f"Amount returned over the amount paid, last {days} days; above 1 where older orders went back."
    return [
        *(feature for window in plan.spans(28, 84) for feature in _window(window)),
        Feature(f"return_line_share_{days}d", "share", lines, f"近 {days} 天退货行占比", _line_share),
        Feature(
            f"return_amount_share_{days}d", "share", amount, f"近 {days} 天退货金额占比", _amount_share, of_amounts=True
        ),
        Feature(
            "days_since_return",
            "days",
            "Time from the last return to the cutoff.",
            "距上次退货的天数",
            lambda t: t.return_days.min(),
        ),
    ]


def _window(days: int) -> list[Feature]:
    def count(t: ir.Table) -> Any:
        return t.count(where=t.return_days <= days)

    last, last_zh = f"in the last {days} days.", f"近 {days} 天"
    return [
        Feature(f"returned_lines_{days}d", "lines", f"Lines returned {last}", f"{last_zh}退货行数", count, 0.0),
        Feature(
            f"returned_amount_{days}d", "currency", f"Amount returned {last}", f"{last_zh}退货金额", _given(days), 0.0
        ),
    ]


def _given(days: int) -> Callable[[ir.Table], Any]:
    """Amount given back in the last days."""
    return lambda t: total(-t.paid, t.return_days <= days)


def _line_share(t: ir.Table) -> Any:
    return ratio(t.return_days.count(), total(t.lines))


def _amount_share(t: ir.Table) -> Any:
    return ratio(total(-t.paid, t.return_days.notnull()), total(t.amount))


BLOCK = Block("returns", ("returns",), lambda history: history.money_at, features)
