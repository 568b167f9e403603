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
from purchasing_power.snapshot.settings import ACTIVE, KNOWN

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
    "returns": "returned_at",
}
# Whose dated rows are a sign of a user. Who is sent a campaign has done nothing: that is none.
SIGNS = (
    ("orders", "user_id"),
    ("events", "user_id"),
    ("texts", "user_id"),
    ("follows", "user_id"),
    ("follows", "friend_id"),
    ("users", "user_id"),
    ("redemptions", "user_id"),
    ("returns", "user_id"),
)


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

    Attributes
    ----------
    everybody
        Whether every id of the tables is a user at every cutoff, as in a request, which asks for each of its users.
    """

    tables: dict[str, ir.Table]
    days: Sequence[date]
    plan: Plan
    everybody: bool = False

    @cached_property
    def cutoffs(self) -> ir.Table:
        """Columns ``cutoff`` and ``opens`` (start of the lookback), seconds."""
        at = [midnight(day) for day in self.days]
        opens = [second - self.plan.lookback * DAY for second in at]
        return ibis.memtable(pd.DataFrame({"cutoff": at, "opens": opens}, dtype="int64"))

    @cached_property
    def signs(self) -> ir.Table:
        """Days with a dated sign of a user: ``user_id`` and ``second`` (the day's midnight), each once.

        Cutoffs are midnights and the lookback whole days, so that a day is as exact as a second.
        """
        found = []
        for name, user in SIGNS:
            table = self.tables.get(name)
            if table is not None and TIMES[name] in table.columns:
                day = seconds(table[TIMES[name]]) // DAY
                found.append(table.select(user_id=table[user], second=(day * DAY).cast("int64")))
        both = ibis.union(*found) if len(found) > 1 else found[0]
        return both.filter(both.user_id.notnull() & both.second.notnull()).distinct().cache()

    @cached_property
    def people(self) -> ir.Table:
        """Columns ``user_id``, ``since`` (midnight of the first day with a sign) and ``user`` (number)."""
        signs = self._everybody() if self.everybody else self.signs
        first = signs.group_by("user_id").aggregate(since=signs.second.min())
        return first.mutate(user=ibis.row_number().over(order_by=first.user_id).cast("int32")).cache()

    def _everybody(self) -> ir.Table:
        ids = [
            table.select(user_id=table[column], second=ibis.literal(ALWAYS, "int64"))
            for table in self.tables.values()
            for column in ("user_id", "friend_id")
            if column in table.columns
        ]
        both = ibis.union(*ids) if len(ids) > 1 else ids[0]
        return both.filter(both.user_id.notnull())

    @cached_property
    def known(self) -> ir.Table:
        """One row per user and cutoff with a sign of the user before it: ``user_id``, ``user``, ``cutoff``."""
        both = self.people.join(self.cutoffs, self.people.since < self.cutoffs.cutoff)
        return both.select("user_id", "user", "cutoff")

    @cached_property
    def active(self) -> ir.Table:
        """One row per user and cutoff with a sign of the user within the lookback, columns as in ``known``."""
        signs = self.signs.join(self.people.select("user_id", "user"), "user_id")
        rows = self.at_cutoffs(signs.select("user_id", "user", "second"))
        return rows.select("user_id", "user", "cutoff").distinct()

    @cached_property
    def population(self) -> ir.Table:
        """One row per user and cutoff that the plan's rule gives: ``user_id``, ``user``, ``cutoff``."""
        return self.active if self.plan.population == ACTIVE and not self.everybody else self.known

    @cached_property
    def population_rows(self) -> dict[str, int]:
        """Rows that each rule gives, over all cutoffs."""
        rules = {KNOWN: self.known, ACTIVE: self.active}
        return {name: int(rows.count().to_pandas()) for name, rows in rules.items()}

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
        """Order lines: user, order_id, second, product, quantity, money, store_id, category, brand, ``weight``.

        What a line weighs in shares is its amount, or 1 in a shop without amounts.
        """
        kinds = {"quantity": "float64", "amount": "float64", "store_id": "string"}
        money = {"discount": "float64", "coupon_discount": "float64"}
        rows = _take(self.tables["orders"], kinds | money, "user_id", "order_id", "product_id", "ordered_at")
        rows = rows.mutate(**{name: rows[name].fill_null(0.0) for name in money})
        rows = rows.mutate(second=seconds(rows.ordered_at)).join(self.people, "user_id")
        rows = rows.join(self.products, "product_id")
        columns = ("user", "order_id", "second", "product", "category", "brand", *kinds, *money)
        weight = rows.amount if self.plan.amounts else ibis.literal(1.0)
        return rows.select(*columns, weight=weight).cache()

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

    @cached_property
    def returns(self) -> ir.Table:
        """What went back: ``user``, ``second``, ``amount``, a row per line of the returns table; none without one."""
        if "returns" not in self.tables:
            return self.orders.select("user", "second", "amount").limit(0)
        rows = _take(self.tables["returns"], {"amount": "float64"}, "user_id", TIMES["returns"])
        rows = rows.join(self.people, "user_id")
        return rows.select("user", second=seconds(rows[TIMES["returns"]]), amount=rows.amount.fill_null(0.0)).cache()

    @cached_property
    def money_at(self) -> ir.Table:
        """Orders and returns within the lookback: orders as in ``orders_at``, and what was paid and when.

        ``paid`` is an order's amount or the negative amount of a return, ``paid_days`` the age of either and
        ``return_days`` that of a return alone. A return has nulls for all that an order has: whatever counts or
        averages orders passes it over.
        """
        orders = self.orders_at
        blank = {"return_days": ibis.null("float64")}
        orders = orders.mutate(paid=orders.amount, paid_days=orders.age_days, **blank)
        if "returns" not in self.tables:
            return orders
        back = self.at_cutoffs(self.returns)
        own = {"paid": -back.amount, "paid_days": back.age_days, "return_days": back.age_days}
        kept = {name: back[name] for name in ("user", "cutoff", "second", "opens")}
        rest = {name: ibis.null(kind) for name, kind in orders.schema().items() if name not in {*own, *kept}}
        columns = own | kept | rest
        return orders.union(back.select(**{name: columns[name] for name in orders.columns})).cache()

    def weight_at(self, column: str) -> ir.Table:
        """What lines weigh by a column's value per user and cutoff: ``value``, ``weight``, ``last_age_days``."""
        lines = self.lines
        bought = lines.group_by("user", "second", value=lines[column]).aggregate(weight=total(lines.weight))
        rows = self.at_cutoffs(bought)
        figures = {"weight": total(rows.weight), "last_age_days": rows.age_days.min()}
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
