"""Checked tables and quarantined rows written to a folder, users replaced by pseudonyms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from purchasing_power.shop.checks import Bounds, Typed, bad_rows, count_faults
from purchasing_power.shop.columns.column_reading import ColumnReading
from purchasing_power.shop.contract import OPEN_TABLES, USER_COLUMNS
from purchasing_power.shop.order_lines import OrderLines, bought_sql, returned_rate, returned_sql
from purchasing_power.shop.profile_columns import careful_columns
from purchasing_power.shop.pseudonym import PSEUDONYMS
from purchasing_power.shop.reading.source import ROW
from purchasing_power.shop.reading.sql import identifier, literal
from purchasing_power.shop.report import ColumnReport, Money, TableReport
from purchasing_power.shop.tables import QUARANTINE, write_table

# Names that a profile column cannot have: they stand beside it in the user table.
RESERVED = ("user_id", "user", "cutoff", "documents")


@dataclass(frozen=True)
class Written:
    """What became of a table's rows, and what is to be told of it; of returns, the money of the orders less them."""

    report: TableReport
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    money: tuple[Money, ...] = ()


@dataclass(frozen=True)
class Faults:
    """Rows set aside: how many, why, and the first row of each reason; ``ragged`` could not be split into fields."""

    rows: int
    ragged: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    first_rows: dict[str, int] = field(default_factory=dict)


def write_orders(
    connection: duckdb.DuckDBPyConnection, readings: Mapping[str, ColumnReading], lines: OrderLines, draft: Path
) -> Written:
    """Write the order lines that were bought; those that went back are for :func:`write_returns`."""
    typed = lines.typed
    faults = _quarantine(connection, typed, readings, draft)
    columns = [_line_column(name, lines) for name in lines.columns]
    query = f"SELECT {', '.join(columns)} {_with_users(bought_sql(lines))} ORDER BY {ROW}"
    kept = _copy(connection, query, draft / "orders.parquet")
    moved = {name: getattr(lines, name) for name in ("left_out", "added_up", "returned")}
    query = f"SELECT count(*) FROM read_parquet({literal(str(draft / 'orders.parquet'))}) WHERE user_id IS NULL"
    ((guests,),) = connection.execute(query).fetchall()
    return Written(replace(_table_report(typed, readings, kept, faults), **moved, guests=guests))


def write_returns(
    connection: duckdb.DuckDBPyConnection,
    table: tuple[Typed, Mapping[str, ColumnReading]] | None,
    lines: OrderLines,
    draft: Path,
) -> Written:
    """Write what went back: lines of orders and the rows of a returns table.

    Parameters
    ----------
    table
        A returns table of the shop and how it was read, if there is one.
    """
    parts = [returned_sql(lines)]
    if table is not None:
        parts.append(_returns_rows(table[0], lines, returned_rate(connection, table[0], lines)[0]))
    query = " UNION ALL BY NAME ".join(f"({part})" for part in parts)
    names = ("product_id", "returned_at", "quantity", "amount")
    columns = ["pseudonym AS user_id", f"{lines.order_id} AS order_id", *names]
    query = f"SELECT {', '.join(columns)} {_with_users(query)} ORDER BY returned_at, {ROW}"
    rows = _copy(connection, query, draft / "returns.parquet")
    if table is None:
        return Written(TableReport(source="lines of orders", read=rows, kept=rows), money=lines.money)
    faults = _quarantine(connection, *table, draft)
    read = table[0].source.rows
    report = _table_report(*table, read - faults.rows, faults)
    return Written(report, (), _stated_twice(connection, table[0], lines), _money(connection, table[0], lines))


def _money(connection: duckdb.DuckDBPyConnection, typed: Typed, lines: OrderLines) -> tuple[Money, ...]:
    """Money of the orders with what the returns table gives back, by currency."""
    own = returned_rate(connection, typed, lines)[1]
    currency = f"coalesce(upper(trim(currency)), {literal(own)})" if "currency" in typed.columns else literal(own)
    query = f"SELECT {currency}, round(sum(abs(amount)), 6) FROM {typed.good} GROUP BY 1 ORDER BY 1"
    # Orders that state no currency are in the one that the returns state.
    money = {one.currency or own: replace(one, currency=one.currency or own) for one in lines.money}
    for name, back in connection.execute(query).fetchall():
        one = money.get(name, Money(name, 0.0, 0.0, lines.rates.get(name, 1.0)))
        money[name] = replace(one, returned=one.returned + (back or 0.0))
    return tuple(money.values())


def _returns_rows(typed: Typed, lines: OrderLines, rate: str) -> str:
    """Good rows of a returns table with the columns of returned lines; a missing user is that of the order."""
    have = typed.columns
    cells = {name: f"r.{name}" if name in have else f"NULL AS {name}" for name in ("order_id", "product_id")}
    user, join = "r.user_id" if "user_id" in have else "NULL", ""
    if "order_id" in have and "order_id" in lines.typed.columns:
        user = f"coalesce({user}, o.user_id)"
        join = (
            "LEFT JOIN (SELECT order_id, any_value(user_id) AS user_id FROM order_lines GROUP BY 1) o USING (order_id)"
        )
    quantity = "abs(r.quantity)" if "quantity" in have else "NULL"
    return (
        f"SELECT r.{ROW}, {user} AS user_id, {cells['order_id']}, {cells['product_id']}, r.returned_at, "
        f"{quantity} AS quantity, abs(r.amount) * {rate} AS amount FROM {typed.good} AS r {join}"
    )


def _stated_twice(connection: duckdb.DuckDBPyConnection, typed: Typed, lines: OrderLines) -> tuple[str, ...]:
    keys = [name for name in ("order_id", "product_id") if name in typed.columns and name in lines.typed.columns]
    if not (lines.returned or lines.both) or "order_id" not in keys:
        return ()
    query = f"SELECT count(*) FROM ({returned_sql(lines)}) JOIN {typed.good} USING ({', '.join(keys)})"
    ((twice,),) = connection.execute(query).fetchall()
    if not twice:
        return ()
    return (
        f"returns: {twice:,} lines of orders that went back stand in the returns table too ({' and '.join(keys)} are "
        "the same) and count twice. Leave them out of one of the two, by `where` in a mapping file for instance.",
    )


def write_other(
    connection: duckdb.DuckDBPyConnection,
    typed: Typed,
    readings: Mapping[str, ColumnReading],
    bounds: Bounds,
    draft: Path,
) -> Written:
    """Write a table other than orders and returns, with the further columns that an open one has."""
    name, query = typed.name, _other_rows(typed, readings)
    profile = _extras(typed, readings) if name == "users" else []
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    left: frozenset[str] = frozenset()
    if profile:
        frame = connection.execute(query).df()
        kinds = {column: readings[column].kind for column in profile}
        kept, notes, warnings = careful_columns(frame[profile], kinds, RESERVED, bounds.now.date(), name)
        left = frozenset(profile) - frozenset(kept.columns)
        write_table(frame[list(typed.columns)].join(kept), draft / f"{name}.parquet")
        rows = len(frame)
    else:
        rows = _copy(connection, query, draft / f"{name}.parquet")
    faults = _quarantine(connection, typed, readings, draft, left)
    notes, warnings = (tuple(f"{name}.{text}" for text in texts) for texts in (notes, warnings))
    return Written(_table_report(typed, readings, rows, faults), notes, warnings)


def _table_report(typed: Typed, readings: Mapping[str, ColumnReading], kept: int, faults: Faults) -> TableReport:
    return TableReport(
        source=typed.source.name,
        read=typed.source.rows,
        kept=kept,
        quarantined=faults.rows,
        reasons=faults.reasons,
        first_rows=faults.first_rows,
        columns=_column_reports(readings, typed.source.rows - faults.ragged),
    )


def _other_rows(typed: Typed, readings: Mapping[str, ColumnReading]) -> str:
    """SQL of the good rows: the contract's columns, users replaced, then the further ones of an open table."""
    extras = _extras(typed, readings)
    users = [column for column in USER_COLUMNS[typed.name] if column in typed.columns]
    joins = "".join(f" LEFT JOIN {PSEUDONYMS} AS {_user(column)} ON {column} = {_user(column)}.id" for column in users)
    good = f"SELECT {ROW}, {', '.join(typed.columns)} FROM {typed.good}"
    query = f"FROM ({good}) AS t{joins}"
    if extras:
        further = ", ".join(f"{readings[column].value} AS {identifier(column)}" for column in extras)
        query += f" JOIN (SELECT {ROW}, {further} FROM {typed.source.relation}) AS f USING ({ROW})"
    own = [_own_column(typed.name, column) for column in typed.columns]
    columns = [*own, *(f"f.{identifier(column)}" for column in extras)]
    return f"SELECT {', '.join(columns)} {query} ORDER BY {ROW}"


def _extras(typed: Typed, readings: Mapping[str, ColumnReading]) -> list[str]:
    if typed.name not in OPEN_TABLES:
        return []
    own = set(typed.columns.values())
    return [
        column for column, reading in readings.items() if column not in own and reading.kind not in ("empty", "nested")
    ]


def _line_column(name: str, lines: OrderLines) -> str:
    return {"user_id": "pseudonym AS user_id", "order_id": f"{lines.order_id} AS order_id"}.get(name, name)


def _user(column: str) -> str:
    return f"of_{column}"


def _own_column(name: str, column: str) -> str:
    return f"{_user(column)}.pseudonym AS {column}" if column in USER_COLUMNS[name] else f"t.{column}"


def _with_users(query: str) -> str:
    return f"FROM ({query}) AS l LEFT JOIN {PSEUDONYMS} AS p ON l.user_id = p.id"


def _copy(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> int:
    """Write the rows of a query to a Parquet file, and count them."""
    options = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1"
    (rows,) = connection.execute(f"COPY ({query}) TO {literal(str(path))} ({options})").fetchone() or (0,)
    return int(rows)


def _quarantine(
    connection: duckdb.DuckDBPyConnection,
    typed: Typed,
    readings: Mapping[str, ColumnReading],
    draft: Path,
    left_out: frozenset[str] = frozenset(),
) -> Faults:
    """Write the bad rows of a table and those that could not be split into fields."""
    bad, reasons, first_rows = count_faults(connection, typed)
    ragged, split = typed.source.ragged, bad
    if ragged is not None:
        query = f"SELECT reason, count(*), min({ROW}) FROM {ragged} GROUP BY 1 ORDER BY 3"
        for reason, count, first in connection.execute(query).fetchall():
            bad, reasons, first_rows = bad + count, {**reasons, reason: count}, {**first_rows, reason: first}
    if not bad:
        return Faults(0)
    hidden = dict.fromkeys(left_out, "NULL::VARCHAR") | _pseudonyms(typed, readings)
    query = f"({bad_rows(typed, hidden)})"
    if ragged is not None:
        # Without its text: what stands where in such a row, and so who the user is, cannot be told.
        query += f" UNION ALL BY NAME (SELECT {ROW} AS row, reason FROM {ragged})"
    (draft / QUARANTINE).mkdir(exist_ok=True)
    _copy(connection, f"SELECT * FROM ({query}) ORDER BY row", draft / QUARANTINE / f"{typed.name}.parquet")
    return Faults(bad, bad - split, reasons, first_rows)


def _pseudonyms(typed: Typed, readings: Mapping[str, ColumnReading]) -> dict[str, str]:
    """SQL of the pseudonym in place of each user column of the source."""
    columns = [typed.columns[column] for column in USER_COLUMNS[typed.name] if column in typed.columns]
    return {at: f"(SELECT any_value(pseudonym) FROM {PSEUDONYMS} WHERE id = ({readings[at].value}))" for at in columns}


def _column_reports(readings: Mapping[str, ColumnReading], rows: int) -> tuple[ColumnReport, ...]:
    return tuple(
        ColumnReport(name, reading.kind, reading.how, rows - reading.cells, reading.unread)
        for name, reading in readings.items()
    )
