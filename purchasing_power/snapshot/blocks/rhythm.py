"""Trend and rhythm: how spend changes between 28-day periods and how regularly a user orders."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import ibis
import ibis.expr.types as ir

from purchasing_power.snapshot.arithmetic import growth, mean, spread, total
from purchasing_power.snapshot.blocks.money import PAID
from purchasing_power.snapshot.feature import Block, Feature
from purchasing_power.snapshot.history import DAY
from purchasing_power.snapshot.plan import Plan

PERIOD = 28
HALF_LIVES = (14, 56)
MOST_PERIODS = 6
GROWTHS = (28, 84)


def features(plan: Plan) -> list[Feature]:
    """Gaps and decayed sums always; comparisons of periods where the lookback holds two or more."""
    periods = plan.lookback // PERIOD
    return [
        *_gaps(),
        *(feature for days in HALF_LIVES if days <= plan.lookback for feature in _decayed(days)),
        *(_period_spend(number) for number in range(2, min(periods, MOST_PERIODS) + 1)),
        *(feature for days in GROWTHS if 2 * days <= plan.lookback for feature in _growth(days)),
        *(_over_periods(periods) if periods >= 3 else []),
    ]


def _gaps() -> list[Feature]:
    def average(t: ir.Table) -> Any:
        return mean(t.gap_seconds) / DAY

    def std(t: ir.Table) -> Any:
        return spread(t.gap_seconds, 1.0) / DAY

    def overdue(t: ir.Table) -> Any:
        return t.age_days.min() / (average(t) < 1.0).ifelse(1.0, average(t))

    def last(t: ir.Table) -> Any:
        return t.gap_seconds.argmax(t.number) / DAY

    gap = "days between an order and the one before it, both within the lookback."
    late = "Days since the last order over the mean gap (one day at least): above 1 the user is later than usual."
    return [
        Feature("gap_days_mean", "days", f"Mean of the {gap}", "平均下单间隔天数", average),
        Feature("gap_days_std", "days", f"Standard deviation of the {gap}", "下单间隔天数的标准差", std),
        Feature(
            "gap_days_max", "days", f"Longest of the {gap}", "最长下单间隔天数", lambda t: t.gap_seconds.max() / DAY
        ),
        Feature("gap_days_last", "days", f"Last of the {gap}", "最近一次下单间隔天数", last),
        Feature("overdue_ratio", "ratio", late, "距上次下单天数与平均间隔之比", overdue),
    ]


def _decayed(half_life: int) -> list[Feature]:
    def weight(days: Any) -> Any:
        return (days * (-math.log(2) / half_life)).exp()

    def spend(t: ir.Table) -> Any:
        return total(t.paid * weight(t.paid_days))

    def orders(t: ir.Table) -> Any:
        return total(weight(t.age_days))

    how = f"within the lookback, each weighing half as much for every {half_life} days of age."
    name = f"按时间衰减的{{}}（半衰期 {half_life} 天）"
    return [
        Feature(f"spend_decayed_{half_life}d", "currency", f"{PAID} {how}", name.format("消费金额"), spend, 0.0),
        Feature(f"orders_decayed_{half_life}d", "orders", f"Orders {how}", name.format("下单次数"), orders, 0.0),
    ]


def _spend_of(number: int) -> Callable[[ir.Table], Any]:
    return lambda t: total(t.paid, (t.paid_days > (number - 1) * PERIOD) & (t.paid_days <= number * PERIOD))


def _gross_of(number: int) -> Callable[[ir.Table], Any]:
    return lambda t: total(t.amount, (t.age_days > (number - 1) * PERIOD) & (t.age_days <= number * PERIOD))


def _period_spend(number: int) -> Feature:
    newest, oldest = (number - 1) * PERIOD, number * PERIOD
    meaning = f"{PAID} more than {newest} and at most {oldest} days before the cutoff."
    name = f"{newest}–{oldest} 天前的消费金额"
    return Feature(f"spend_{newest}_{oldest}d_ago", "currency", meaning, name, _spend_of(number), 0.0)


def _growth(days: int) -> list[Feature]:
    def now(age: Any) -> Any:
        return age <= days

    def before(age: Any) -> Any:
        return (age > days) & (age <= 2 * days)

    def paid(t: ir.Table, inside: Callable[[Any], Any]) -> Any:
        net = total(t.paid, inside(t.paid_days))
        return (net < 0).ifelse(0.0, net)

    def spend(t: ir.Table) -> Any:
        return growth(paid(t, now), paid(t, before))

    def orders(t: ir.Table) -> Any:
        return growth(t.count(where=now(t.age_days)), t.count(where=before(t.age_days)))

    # A logarithm has no value below 0: more returned than paid counts as nothing paid.
    against = f"of the last {days} days over the {days} days before (ln of (later + 1) / (earlier + 1))."
    name = f"近 {days} 天{{}}较前期的增长（对数）"
    return [
        Feature(f"spend_growth_{days}d", "log ratio", f"{PAID} {against}", name.format("消费金额"), spend, 0.0, True),
        Feature(f"orders_growth_{days}d", "log ratio", f"Orders {against}", name.format("下单次数"), orders, 0.0),
    ]


def _over_periods(periods: int) -> list[Feature]:
    def of_spends(
        figure: Callable[[list[Any]], Any], of: Callable[[int], Callable[[ir.Table], Any]] = _spend_of
    ) -> Callable[[ir.Table], Any]:
        """A figure of the spend of each period, the newest first."""
        return lambda t: figure([of(number)(t) for number in range(1, periods + 1)])

    days = periods * PERIOD
    over, last_zh = f"over the {periods} periods of {PERIOD} days before the cutoff.", f"近 {days} 天"
    trend, std = f"Least-squares slope of spend {over}", f"Standard deviation of spend {over}"
    bought, least = f"Periods with a purchase {over}", f"Smallest spend of a period {over}"
    trend_zh, std_zh = f"{last_zh}每期消费金额的变化趋势", f"{last_zh}各期消费金额的波动（标准差）"
    bought_zh, least_zh = f"{last_zh}有消费的期数", f"{last_zh}消费最少一期的金额"
    return [
        Feature(f"spend_slope_{days}d", "currency per 28 days", trend, trend_zh, of_spends(_slope), 0.0),
        Feature(f"spend_std_{days}d", "currency", std, std_zh, of_spends(_deviation), 0.0),
        Feature(f"active_periods_{days}d", "periods", bought, bought_zh, of_spends(_active, _gross_of), 0.0, True),
        Feature(f"spend_least_{days}d", "currency", least, least_zh, of_spends(_least), 0.0),
    ]


def _slope(spends: list[Any]) -> Any:
    middle = (len(spends) - 1) / 2
    steps = [middle - place for place in range(len(spends))]
    scale = sum(step * step for step in steps)
    return sum(spend * (step / scale) for spend, step in zip(spends, steps, strict=True))


def _deviation(spends: list[Any]) -> Any:
    average = sum(spends) / len(spends)
    squares = sum(spend * spend for spend in spends) - average * average * len(spends)
    return ((squares < 0).ifelse(0.0, squares) / (len(spends) - 1)).sqrt()


def _active(spends: list[Any]) -> Any:
    return sum((spend > 0).ifelse(1.0, 0.0) for spend in spends)


def _least(spends: list[Any]) -> Any:
    return ibis.least(*spends)


BLOCK = Block("rhythm", ("orders",), lambda history: history.money_at, features)
