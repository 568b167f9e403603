"""Trend and rhythm: how spend changes between 28-day periods and how regularly a user orders."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import ibis
import ibis.expr.types as ir

from purchasing_power.snapshot.arithmetic import growth, mean, spread, total
from purchasing_power.snapshot.feature import Block, Feature
from purchasing_power.snapshot.history import DAY
from purchasing_power.snapshot.plan import Plan

PERIOD = 28
HALF_LIVES = (14, 56)


def features(plan: Plan) -> list[Feature]:
    """Gaps and decayed sums always; comparisons of periods where the lookback holds two or more."""
    periods = plan.lookback // PERIOD
    found = _gaps() + [feature for days in HALF_LIVES if days <= plan.lookback for feature in _decayed(days)]
    found += [_period_spend(number) for number in range(2, min(periods, 6) + 1)]
    for days in (28, 84):
        found += _growth(days) if 2 * days <= plan.lookback else []
    return found + (_over_periods(periods) if periods >= 3 else [])


def _gaps() -> list[Feature]:
    def average(t: ir.Table) -> Any:
        return mean(t.gap_seconds) / DAY

    gap = "days between an order and the one before it, both within the lookback"
    late = "Days since the last order over the mean gap (one day at least): above 1 the user is later than usual."
    return [
        Feature("gap_days_mean", "days", f"Mean of the {gap}.", average),
        Feature(
            "gap_days_std",
            "days",
            f"Standard deviation of the {gap}.",
            lambda t: spread(t.gap_seconds, 1.0) / DAY,
        ),
        Feature("gap_days_max", "days", f"Longest of the {gap}.", lambda t: t.gap_seconds.max() / DAY),
        Feature(
            "gap_days_last", "days", f"Last of the {gap}.", lambda t: t.gap_seconds.argmax(t.number) / DAY
        ),
        Feature(
            "overdue_ratio",
            "ratio",
            late,
            lambda t: t.age_days.min() / (average(t) < 1.0).ifelse(1.0, average(t)),
        ),
    ]


def _decayed(half_life: int) -> list[Feature]:
    def weight(t: ir.Table) -> Any:
        return (t.age_days * (-math.log(2) / half_life)).exp()

    how = f"each order weighing half as much for every {half_life} days of age"
    return [
        Feature(
            f"spend_decayed_{half_life}d",
            "currency",
            f"Amount paid within the lookback, {how}.",
            lambda t: total(t.amount * weight(t)),
            0.0,
        ),
        Feature(
            f"orders_decayed_{half_life}d",
            "orders",
            f"Orders within the lookback, {how}.",
            lambda t: total(weight(t)),
            0.0,
        ),
    ]


def _spend_of(number: int) -> Callable[[ir.Table], Any]:
    return lambda t: total(t.amount, (t.age_days > (number - 1) * PERIOD) & (t.age_days <= number * PERIOD))


def _period_spend(number: int) -> Feature:
    ago = f"{(number - 1) * PERIOD}_{number * PERIOD}d"
    meaning = (
        f"Amount paid more than {(number - 1) * PERIOD} and at most {number * PERIOD} days before the cutoff."
    )
    return Feature(f"spend_{ago}_ago", "currency", meaning, _spend_of(number), 0.0)


def _growth(days: int) -> list[Feature]:
    def now(t: ir.Table) -> Any:
        return t.age_days <= days

    def before(t: ir.Table) -> Any:
        return (t.age_days > days) & (t.age_days <= 2 * days)

    against = f"of the last {days} days over the {days} days before (ln of (later + 1) / (earlier + 1))"
    return [
        Feature(
            f"spend_growth_{days}d",
            "log ratio",
            f"Amount paid {against}.",
            lambda t: growth(total(t.amount, now(t)), total(t.amount, before(t))),
            0.0,
        ),
        Feature(
            f"orders_growth_{days}d",
            "log ratio",
            f"Orders {against}.",
            lambda t: growth(t.count(where=now(t)), t.count(where=before(t))),
            0.0,
        ),
    ]


def _over_periods(periods: int) -> list[Feature]:
    days = periods * PERIOD
    over = f"over the {periods} periods of {PERIOD} days before the cutoff"
    return [
        Feature(
            f"spend_slope_{days}d",
            "currency per 28 days",
            f"Least-squares slope of spend {over}.",
            lambda t: _slope(_spends(t, periods)),
            0.0,
        ),
        Feature(
            f"spend_std_{days}d",
            "currency",
            f"Standard deviation of spend {over}.",
            lambda t: _deviation(_spends(t, periods)),
            0.0,
        ),
        Feature(
            f"active_periods_{days}d",
            "periods",
            f"Periods with a purchase {over}.",
            lambda t: sum((spend > 0).ifelse(1.0, 0.0) for spend in _spends(t, periods)),
            0.0,
        ),
        Feature(
            f"spend_least_{days}d",
            "currency",
            f"Smallest spend of a period {over}.",
            lambda t: ibis.least(*_spends(t, periods)),
            0.0,
        ),
    ]


def _spends(t: ir.Table, periods: int) -> list[Any]:
    """Spend of each period, the newest first."""
    return [_spend_of(number)(t) for number in range(1, periods + 1)]


def _slope(spends: list[Any]) -> Any:
    middle = (len(spends) - 1) / 2
    steps = [middle - place for place in range(len(spends))]
    scale = sum(step * step for step in steps)
    return sum(spend * (step / scale) for spend, step in zip(spends, steps, strict=True))


def _deviation(spends: list[Any]) -> Any:
    average = sum(spends) / len(spends)
    squares = sum(spend * spend for spend in spends) - average * average * len(spends)
    return ((squares < 0).ifelse(0.0, squares) / (len(spends) - 1)).sqrt()


BLOCK = Block("rhythm", ("orders",), lambda history: history.orders_at, features)
