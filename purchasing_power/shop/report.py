"""What an intake read, kept and set aside, and what a data owner holds against the shop's own books."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from purchasing_power.shop.contract import REMEDIES


@dataclass(frozen=True)
class ColumnReport:
    """How a column was read: its kind and how, cells that were missing and that could not be read."""

    name: str
    kind: str
    how: str = ""
    missing: int = 0
    unread: int = 0


@dataclass(frozen=True)
class TableReport:
    """Rows of one table, and where each of them went: the parts add up to ``read``.

    Attributes
    ----------
    source
        The file it was read from.
    read, kept, quarantined
        Rows in the file, in the checked table, and set aside with a reason.
    left_out
        Rows left out on purpose, by reason, such as ``status cancelled``.
    added_up
        Order lines that were added to another line of the same product in the same order.
    returned
        Rows of orders that are returns, and stand in that table.
    guests
        Kept rows without a user.
    reasons, first_rows
        Quarantined rows by reason, and the first row (1-based) of each; a row with two faults counts under both.
    columns
        How each column was read.
    """

    source: str
    read: int
    kept: int
    quarantined: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    added_up: int = 0
    returned: int = 0
    guests: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    first_rows: dict[str, int] = field(default_factory=dict)
    columns: tuple[ColumnReport, ...] = ()


@dataclass(frozen=True)
class KeyMatch:
    """How many distinct ids of a column, and how many of its rows, find their partner in another table.

    ``column`` and ``partner`` are written ``orders.product_id``; ``advice`` says what would make more of them match.
    """

    column: str
    partner: str
    ids: int
    matched_ids: int
    rows: int
    matched_rows: int
    advice: str = ""


@dataclass(frozen=True)
class Money:
    """Money of the kept rows in one currency: what was paid, what was given back; ``rate`` to the shop's currency."""

    currency: str
    gross: float
    returned: float
    rate: float = 1.0

    @property
    def net(self) -> float:
        """Gross less returned."""
        return self.gross - self.returned


@dataclass(frozen=True)
class OrderFigures:
    """Orders of known users and guests: what messages and the page tell of them.

    Attributes
    ----------
    first, last
        Days of the first and last order among those that count.
    orders, users
        Distinct orders, and distinct users with an order.
    orders_per_user
        Median.
    returning_share
        Share of users who ordered on two days or more.
    gap_days
        Median days between a user's order and the next one; ``None`` where nobody orders twice.
    weeks
        Orders per week, by the Monday it begins on, weeks without one included.
    """

    first: date
    last: date
    orders: int
    users: int
    orders_per_user: float
    returning_share: float
    gap_days: float | None
    weeks: tuple[tuple[date, int], ...] = ()


@dataclass(frozen=True)
class IntakeReport:
    """All that an intake found, never a value of a row.

    ``warnings`` (leaks, privacy, keys that rarely match) stand on top of whatever people read; ``notes`` say how
    things were read.
    """

    tables: dict[str, TableReport]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    key_matches: tuple[KeyMatch, ...] = ()
    money: tuple[Money, ...] = ()
    orders: OrderFigures | None = None


def summary(report: IntakeReport) -> str:
    """Lines for a terminal: warnings first, then counts and reasons; never a value of a row."""
    lines = [f"warning: {warning}" for warning in report.warnings]
    lines += [f"{name}: {_table_line(table)}" for name, table in report.tables.items()]
    for money in report.money:
        name = f" {money.currency}" if money.currency else ""
        amounts = f"{money.gross:,.2f} gross, {money.returned:,.2f} returned, {money.net:,.2f} net"
        lines.append(f"money{name}: {amounts}")
    return "\n".join([*lines, *(f"note: {note}" for note in report.notes)])


def _table_line(table: TableReport) -> str:
    line = f"{table.read:,} rows read, {table.kept:,} kept, {table.quarantined:,} quarantined"
    parts = [f"{sum(table.left_out.values()):,} left out ({', '.join(table.left_out)})"] if table.left_out else []
    parts += [f"{table.added_up:,} added up with another line"] if table.added_up else []
    parts += [f"{table.returned:,} returned"] if table.returned else []
    parts += [f"{table.guests:,} of those kept by guests"] if table.guests else []
    line = ", ".join([line, *parts])
    return f"{line}: {describe(table.reasons, table.first_rows)}" if table.reasons else line


def describe(reasons: Mapping[str, int], first_rows: Mapping[str, int]) -> str:
    """The reasons of a table as text: count, first row and what to do; never a value of a row."""
    parts = []
    for reason, count in reasons.items():
        rows = f"{count:,} {'row' if count == 1 else 'rows'}"
        remedy = next((text for rule, text in REMEDIES.items() if rule in reason), "")
        parts.append(f"{rows}: {reason} (first: row {first_rows[reason]}). {remedy}".rstrip())
    return " ".join(parts)
