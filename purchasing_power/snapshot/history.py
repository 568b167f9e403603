"""A shop's rows as numbers: users and times as integers, cut at every cutoff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from purchasing_power.snapshot.arithmetic import total
from purchasing_power.snapshot.plan import Plan

DAY = 86_400
ALWAYS = -(2**53)
TIMES = {
    "orders": "ordered_at",
    "events": "occurred_at",
    "texts": "written_at",
    "follows": "since",
    "users": "joined_at",
    "campaigns": "sent_at",
    "redemptions": "redeemed_at",
}
SIGHTINGS = ("orders", "events", "texts", "follows", "users")


def seconds(column: Any) -> Any:
    """Whole seconds since 1970, rounded down, so that a border at a whole second stays exact."""
    return column.cast("timestamp").truncate("s").epoch_seconds().cast("int64")


def midnight(day: date) -> int:
    """Seconds since 1970 at which a day begins, UTC."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


@dataclass(frozen=True)
class History:
    """The shop's tables seen from the cutoffs; each shared row source is computed once.

    Users are numbered in the order of their ids and times are whole seconds, so that joins and
    groups run over integers. An *order* is the lines with one order id on one day: cutoffs are
    midnights, hence no order has lines on both sides of one.
    """

    tables: dict[str, ir.Table]
    days: Sequence[date]
    plan: Plan

    @cached_property
    def cutoffs(self) -> ir.Table:
        """Columns ``cutoff`` and ``opens`` (start of the lookback), seconds."""
        at = [midnight(day) for day in self.days]
        opens = [second - self.plan.lookback * DAY for second in at]
        return ibis.memtable(pd.DataFrame({"cutoff": at, "opens": opens}, dtype="int64"))

    @cached_property
    def people(self) -> ir.Table:
        """Columns ``user_id``, ``since`` (second from which the user is known) and ``user`` (number)."""
        known = [_sightings(self.tables[name], name, "user_id") for name in SIGHTINGS if name in self.tables]
        if "follows" in self.tables:
            known.append(_sightings(self.tables["follows"], "follows", "friend_id"))
        seen = ibis.union(*known) if len(known) > 1 else known[0]
        first = seen.group_by("user_id").aggregate(since=seen.since.min())
        return first.mutate(user=ibis.row_number().over(order_by=first.user_id).cast("int32")).cache()

    @cached_property
    def population(self) -> ir.Table:
        """One row per user and cutoff at which the user is known: ``user_id``, ``user``, ``cutoff``."""
        both = self.people.join(self.cutoffs, self.people.since < self.cutoffs.cutoff)
        return both.select("user_id", "user", "cutoff")

    @cached_property
    def products(self) -> ir.Table:
        """Products bought: ``product_id``, ``product`` (number), ``title``, ``category``, ``brand``."""
        bought = self.tables["orders"].select("product_id").distinct()
        bought = bought.mutate(product=ibis.row_number().over(order_by=bought.product_id).cast("int32"))
        texts = dict.fromkeys(("title", "category", "brand"), "string")
        if "products" in self.tables:
            known = _take(self.tables["products"], texts, "product_id")
            bought = bought.left_join(known, "product_id")
        return _take(bought, texts, "product_id", "product").cache()

    @cached_property
    def lines(self) -> ir.Table:
        """Order lines: user, order_id, second, product, quantity, money, store_id, category, brand."""
        kinds = {"quantity": "float64", "amount": "float64", "store_id": "string"}
        money = {"discount": "float64", "coupon_discount": "float64"}
        rows = _take(self.tables["orders"], kinds | money, "user_id", "order_id", "product_id", "ordered_at")
        rows = rows.mutate(**{name: rows[name].fill_null(0.0) for name in money})
        rows = rows.mutate(second=seconds(rows.ordered_at)).join(self.people, "user_id")
        rows = rows.join(self.products, "product_id")
        columns = ("user", "order_id", "second", "product", "category", "brand", *kinds, *money)
        return rows.select(*columns).cache()

    @cached_property
    def orders(self) -> ir.Table:
        """Orders: sums of their lines, ``number`` in the user's history, ``previous`` order's second."""
        rows = self.lines.mutate(day=self.lines.second // DAY)
        rows = rows.group_by("user", "order_id", "day").aggregate(
            second=rows.second.min(),
            store_id=rows.store_id.min(),
            lines=rows.count(),
            discounted_lines=rows.count(where=rows.discount > 0),
            **{name: total(rows[name]) for name in ("quantity", "amount", "discount", "coupon_discount")},
        )
        by_user = ibis.window(group_by=rows.user, order_by=[rows.second, rows.order_id])
        number = ibis.row_number().over(by_user)
        return rows.mutate(previous=rows.second.lag().over(by_user), number=number).cache()

    @cached_property
    def orders_at(self) -> ir.Table:
        """Orders within the lookback of every cutoff; ``gap_seconds`` where the order before is too."""
        rows = self.at_cutoffs(self.orders)
        gap = rows.second - rows.previous
        return rows.mutate(gap_seconds=(rows.previous >= rows.opens).ifelse(gap, ibis.null("int64"))).cache()

    def spend_at(self, column: str) -> ir.Table:
        """Spend by a column's value per user and cutoff: ``value``, ``amount``, ``last_age_days``."""
        lines = self.lines
        bought = lines.group_by("user", "second", value=lines[column]).aggregate(amount=total(lines.amount))
        rows = self.at_cutoffs(bought)
        figures = {"amount": total(rows.amount), "last_age_days": rows.age_days.min()}
        return rows.group_by("user", "cutoff", "value").aggregate(**figures)

    def timed(self, name: str, *columns: str) -> ir.Table:
        """A table's rows with ``user``, ``second`` and the given columns as strings (null where it lacks one)."""
        rows = _take(self.tables[name], dict.fromkeys(columns, "string"), "user_id", TIMES[name])
        both = rows.join(self.people, "user_id")
        return both.select("user", *columns, second=seconds(both[TIMES[name]]))

    def at_cutoffs(self, rows: ir.Table) -> ir.Table:
        """Rows repeated for every cutoff whose lookback holds them, with ``age_days`` (float, > 0)."""
        # A view, since Ibis binds the columns of an unfinished join to the wrong relation.
        rows, cut = rows.view(), self.cutoffs
        both = rows.join(cut, [rows.second < cut.cutoff, rows.second >= cut.opens])
        return both.mutate(age_days=(both.cutoff - both.second) / float(DAY))


def _take(table: ir.Table, optional: dict[str, str], *required: str) -> ir.Table:
    """Columns of a table, an optional one that it lacks as nulls of the given type."""
    present = {
        name: table[name].cast(kind) if name in table.columns else ibis.null(kind) for name, kind in optional.items()
    }
    return table.select(*required, **present)


def _sightings(table: ir.Table, name: str, user: str) -> ir.Table:
    """Columns ``user_id`` and ``since``, the second of a row, always for a row without a time."""
    return table.select(user_id=table[user], since=second_of(table, name))


def second_of(table: ir.Table, name: str) -> Any:
    """Second of each row of a table whose time is optional; undated rows have always been known."""
    time = TIMES[name]
    return seconds(table[time]).fill_null(ALWAYS) if time in table.columns else ibis.literal(ALWAYS)
