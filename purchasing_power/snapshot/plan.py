"""The plan of a user table: which values and profile columns have columns of their own."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from datetime import date
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from purchasing_power.errors import DataError
from purchasing_power.snapshot.arithmetic import total
from purchasing_power.snapshot.settings import AUTO, KNOWN, WINDOWS, SnapshotSettings

RECENT = 28
CATEGORIES, BRANDS, EVENTS = 12, 3, 6
NOT_PROFILE = ("user_id", "joined_at")


@dataclass(frozen=True)
class Plan:
    """What is fixed before the first cutoff, so that a later table or request is computed with the same.

    Attributes
    ----------
    lookback, horizon
        Window lengths, days.
    max_documents
        Most texts a row keeps.
    categories, brands, events
        Values that have columns of their own, most frequent before the first cutoff first.
    profile_numeric, profile_categorical
        Columns of the users table that are features.
    population
        Who has a row at a cutoff, ``"known"`` or ``"active"``, see
        :class:`~purchasing_power.snapshot.settings.SnapshotSettings`.
    amounts
        Whether orders say what was paid; without amounts there are no features of money, and shares are of order
        lines.
    """

    lookback: int = 168
    horizon: int = 28
    max_documents: int = 512
    categories: list[str] = field(default_factory=list)
    brands: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    profile_numeric: list[str] = field(default_factory=list)
    profile_categorical: list[str] = field(default_factory=list)
    population: str = KNOWN
    amounts: bool = True

    @property
    def windows(self) -> tuple[int, ...]:
        """Window lengths (days) that fit the lookback."""
        return tuple(days for days in WINDOWS if days <= self.lookback)

    @classmethod
    def of(cls, settings: dict[str, Any]) -> Plan:
        """The plan in ``UserTableMeta.settings``, which may hold more, such as what was found of leaks."""
        known = {one.name for one in fields(cls)}
        return cls(**{name: value for name, value in settings.items() if name in known})

    @property
    def recent(self) -> int:
        """Length (days) of the short window: 28, or the lookback where that is shorter."""
        return min(RECENT, self.lookback)

    def spans(self, *days: int) -> list[int]:
        """The given window lengths that fit the lookback, and the lookback itself, ascending."""
        return sorted({*(length for length in days if length <= self.lookback), self.lookback})


def fit_plan(tables: dict[str, ir.Table], settings: SnapshotSettings, first: date) -> Plan:
    """Learn the plan from the rows before the first cutoff: what comes later cannot change a column's name."""
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
        population=KNOWN if settings.population == AUTO else settings.population,
        amounts=has_amounts(tables),
    )


def has_amounts(tables: dict[str, ir.Table]) -> bool:
    """Whether orders say what was paid."""
    return "amount" in tables["orders"].columns


def reuse_plan(earlier: dict[str, Any], tables: dict[str, ir.Table], settings: SnapshotSettings) -> Plan:
    """The plan of an earlier user table with the lengths of ``settings``, so that columns keep their names.

    The population is the earlier one too, unless ``settings`` names one.

    Parameters
    ----------
    earlier
        ``UserTableMeta.settings`` of that table.

    Raises
    ------
    DataError
        If the users table has lost a profile column, or the orders their amounts.
    """
    plan = replace(
        Plan.of(earlier), lookback=settings.lookback, horizon=settings.horizon, max_documents=settings.max_documents
    )
    plan = plan if settings.population == AUTO else replace(plan, population=settings.population)
    if plan.amounts and not has_amounts(tables):
        raise DataError(
            "orders: got no amount column; the earlier user table was made of orders with amounts. Bring the column "
            "back, or take a new snapshot with -e snapshot -P like=none."
        )
    had = [*plan.profile_numeric, *plan.profile_categorical]
    lost = [name for name in had if "users" not in tables or name not in tables["users"].columns]
    if lost:
        raise DataError(
            f"users: {len(lost)} profile columns of the earlier user table are gone ({', '.join(lost[:10])}); all "
            f"{len(had)} are needed. Bring them back, or take a new snapshot with -e snapshot -P like=none."
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
    rows = _before(tables["orders"], "ordered_at", first)
    rows = rows.select("product_id", amount=rows.amount if has_amounts(tables) else ibis.literal(1.0))
    known = products.select("product_id", value=products[column].cast("string"))
    rows = rows.join(known.filter(known.value.notnull()), "product_id")
    spent = rows.group_by("value").aggregate(amount=total(rows.amount))
    return spent.order_by(spent.amount.desc(), spent.value).limit(most).to_pandas()["value"].tolist()


def _most_frequent_events(tables: dict[str, ir.Table], first: date) -> list[str]:
    if "events" not in tables:
        return []
    rows = _before(tables["events"], "occurred_at", first).select("event")
    counts = rows.filter(rows.event.notnull()).group_by("event").aggregate(count=lambda t: t.count())
    return counts.order_by(counts["count"].desc(), counts.event).limit(EVENTS).to_pandas()["event"].tolist()
