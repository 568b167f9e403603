"""Figures of the orders that count: how many, by whom, when, and how far apart."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import duckdb

from purchasing_power.shop.reading.sql import literal
from purchasing_power.shop.report import OrderFigures


def order_figures(connection: duckdb.DuckDBPyConnection, orders: Path) -> OrderFigures:
    """Figures of a checked orders file."""
    lines = f"read_parquet({literal(str(orders))})"
    # One row per order: a cutoff is a midnight, so that an order is what has one id on one day.
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE order_days AS SELECT user_id, ordered_at::DATE AS day, "
        f"count(DISTINCT order_id) AS orders FROM {lines} GROUP BY 1, 2"
    )
    query = "SELECT min(day), max(day), sum(orders) FROM order_days"
    first, last, orders_count = connection.execute(query).fetchone() or (None, None, 0)
    query = (
        "SELECT count(*), median(orders), avg((days > 1)::INT) FROM (SELECT user_id, sum(orders) AS orders, "
        "count(*) AS days FROM order_days WHERE user_id IS NOT NULL GROUP BY 1)"
    )
    users, per_user, returning = connection.execute(query).fetchone() or (0, 0.0, 0.0)
    query = (
        "SELECT median(gap) FROM (SELECT day - lag(day) OVER (PARTITION BY user_id ORDER BY day) AS gap "
        "FROM order_days WHERE user_id IS NOT NULL)"
    )
    (gap,) = connection.execute(query).fetchone() or (None,)
    return OrderFigures(
        first=first,
        last=last,
        orders=int(orders_count),
        users=int(users),
        orders_per_user=float(per_user),
        returning_share=float(returning),
        gap_days=None if gap is None else float(gap),
        weeks=_weeks(connection),
    )


def _weeks(connection: duckdb.DuckDBPyConnection) -> tuple[tuple[date, int], ...]:
    query = "SELECT date_trunc('week', day)::DATE, sum(orders) FROM order_days GROUP BY 1 ORDER BY 1"
    counts = {monday: int(count) for monday, count in connection.execute(query).fetchall()}
    first, last = min(counts), max(counts)
    mondays = (first + timedelta(weeks=number) for number in range((last - first).days // 7 + 1))
    return tuple((monday, counts.get(monday, 0)) for monday in mondays)
