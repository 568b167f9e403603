"""Fixes, before the first cutoff, which values and profile columns have columns of their own."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from purchasing_power.errors import DataError
from purchasing_power.snapshot.arithmetic import total
from purchasing_power.snapshot.history import TIMES
from purchasing_power.snapshot.settings import Plan, SnapshotSettings

CATEGORIES, BRANDS, EVENTS = 12, 3, 6
NOT_PROFILE = ("user_id", "joined_at")


def make_plan(tables: dict[str, ir.Table], settings: SnapshotSettings, first: date) -> Plan:
    """Read the plan from the rows before the first cutoff: what comes later cannot change a column's name."""
    numeric, categorical = profile_columns(tables)
    return Plan(
        lookback=settings.lookback,
        horizon=settings.horizon,
        max_documents=settings.max_documents,
        categories=_bought_most(tables, "category", CATEGORIES, first),
        brands=_bought_most(tables, "brand", BRANDS, first),
        events=_most_frequent_events(tables, first),
        profile_numeric=numeric,
        profile_categorical=categorical,
    )


def keep_plan(kept: dict[str, Any], tables: dict[str, ir.Table], settings: SnapshotSettings) -> Plan:
    """The plan of an earlier user table with the lengths of ``settings``, so that columns keep their names.

    Raises
    ------
    DataError
        If the users table has lost a profile column.
    """
    plan = replace(
        Plan(**kept),
        lookback=settings.lookback,
        horizon=settings.horizon,
        max_documents=settings.max_documents,
    )
    had = [*plan.profile_numeric, *plan.profile_categorical]
    lost = [name for name in had if "users" not in tables or name not in tables["users"].columns]
    if lost:
        raise DataError(
            f"users: {len(lost)} profile columns of the earlier user table are gone ({', '.join(lost[:10])}); all "
            f"{len(had)} are needed. Bring them back, or take a snapshot without keeping the earlier table's columns."
        )
    return plan


def profile_columns(tables: dict[str, ir.Table]) -> tuple[list[str], list[str]]:
    """Numeric and string columns of the users table; others (times, lists) are no features."""
    if "users" not in tables:
        return [], []
    kinds = {name: kind for name, kind in tables["users"].schema().items() if name not in NOT_PROFILE}
    numeric = [name for name, kind in kinds.items() if kind.is_numeric() or kind.is_boolean()]
    return numeric, [name for name, kind in kinds.items() if isinstance(kind, dt.String)]


def _before(table: ir.Table, time: str, first: date) -> ir.Table:
    # Compared as it stands, so that Parquet row groups after the first cutoff are not read.
    return table.filter(table[time] < ibis.timestamp(first.isoformat()))


def _bought_most(tables: dict[str, ir.Table], column: str, most: int, first: date) -> list[str]:
    products = tables.get("products")
    if products is None or column not in products.columns:
        return []
    rows = _before(tables["orders"], TIMES["orders"], first).select("product_id", "amount")
    known = products.select("product_id", value=products[column].cast("string"))
    rows = rows.join(known.filter(known.value.notnull()), "product_id")
    spent = rows.group_by("value").aggregate(amount=total(rows.amount))
    return spent.order_by(spent.amount.desc(), spent.value).limit(most).to_pandas()["value"].tolist()


def _most_frequent_events(tables: dict[str, ir.Table], first: date) -> list[str]:
    if "events" not in tables:
        return []
    rows = _before(tables["events"], TIMES["events"], first).select("event")
    found = rows.filter(rows.event.notnull()).group_by("event").aggregate(count=lambda t: t.count())
    return found.order_by(found["count"].desc(), found.event).limit(EVENTS).to_pandas()["event"].tolist()
