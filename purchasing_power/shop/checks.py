"""Rows of a source against the contract: the fault of each bad row, and where good and bad ones go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb

from purchasing_power.errors import DataError
from purchasing_power.shop.columns.column_reading import ColumnReading
from purchasing_power.shop.contract import DEFAULTS, EARLIEST, OPEN_TABLES, TABLES, USER_COLUMNS, naive_utc
from purchasing_power.shop.reading.source import ROW, Source
from purchasing_power.shop.reading.sql import identifier, literal
from purchasing_power.shop.report import describe

FAULTS = "__faults"
MONEY_BACK = ("orders", "returns")
_LONGEST_VALUE = 40
_UNREAD = {"number": "is not a number", "money": "is not a number", "time": "is not a time"}


@dataclass(frozen=True)
class Bounds:
    """Largest amount of one line, the moment that no time may lie after, and ids that stand for no user."""

    max_amount: float
    now: datetime
    guests: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """One thing that can be wrong with a row: SQL over the typed columns that is true where it is.

    ``shown`` tells whether the cell may be repeated in the reason.
    """

    column: str
    what: str
    wrong: str
    shown: bool = True

    @property
    def reason(self) -> str:
        """The reason under which rows are counted."""
        return f"{self.column} {self.what}"


@dataclass(frozen=True)
class Typed:
    """A table in DuckDB with the contract's types, ``ROW`` and ``FAULTS``: bit n is set where rule n is broken."""

    name: str
    table: str
    source: Source
    columns: dict[str, str]
    rules: tuple[Rule, ...]

    @property
    def good(self) -> str:
        """SQL that stands after FROM: the rows that break no rule."""
        return f"(SELECT * FROM {self.table} WHERE {FAULTS} = 0)"


def contract_columns(name: str, source: Source, found: Mapping[str, str]) -> None:
    """Refuse a source that lacks a column which the contract needs, or has no rows.

    Parameters
    ----------
    found
        Column of the source by the contract's name.

    Raises
    ------
    DataError
        If a column is missing, or there are no rows.
    """
    needed = [column for column, rule in TABLES[name].items() if rule.needed]
    missing = [column for column in needed if column not in found]
    if missing:
        raise DataError(
            f"{name}: column {', '.join(missing)} is missing in {source.name} (got: {', '.join(source.columns)}); "
            f"needed are {', '.join(needed)}. Name the column so, or write which one it is into a mapping file: "
            "ingest with -P mapping=suggest proposes one."
        )
    if not source.rows:
        raise DataError(
            f"{name}: the table has no rows; at least one is needed. Fill it, or take an optional table away."
        )


def type_table(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    source: Source,
    found: Mapping[str, str],
    readings: Mapping[str, ColumnReading],
    bounds: Bounds,
) -> Typed:
    """Give each contract column its type, and note in each row which rules it breaks.

    Parameters
    ----------
    found
        Column of the source by the contract's name.
    readings
        How the source's columns are read, by their name there.
    """
    columns = {column: readings[at] for column, at in found.items()}
    rules = tuple(rule for column, reading in columns.items() for rule in _rules(name, column, reading, bounds))
    values = [_value(name, column, reading, bounds.guests) for column, reading in columns.items()]
    faults = " | ".join(f"CASE WHEN {rule.wrong} THEN {1 << bit}::BIGINT ELSE 0 END" for bit, rule in enumerate(rules))
    kept = ", ".join([ROW, *(identifier(column) for column in columns)])
    inner = f"SELECT {ROW}, {', '.join(values + _flags(columns))} FROM {source.relation}"
    table = f"typed_{name}"
    connection.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT {kept}, {faults or 0} AS {FAULTS} FROM ({inner})")
    return Typed(name, table, source, dict(found), rules)


def _value(name: str, column: str, reading: ColumnReading, guests: tuple[str, ...]) -> str:
    default, value = DEFAULTS.get(name, {}).get(column), reading.value
    if guests and column in USER_COLUMNS[name]:
        value = f"CASE WHEN {value} NOT IN ({', '.join(map(literal, guests))}) THEN {value} END"
    if default is not None:
        value = f"CASE WHEN {reading.present} THEN {value} ELSE {default} END"
    kind = {"number": "DOUBLE", "money": "DOUBLE", "time": "TIMESTAMP"}.get(TABLES[name][column].kind, "VARCHAR")
    return f"({value})::{kind} AS {identifier(column)}"


def _flags(columns: Mapping[str, ColumnReading]) -> list[str]:
    """Whether a cell holds something, for columns where that alone is no value."""
    unread = (column for column, reading in columns.items() if reading.unread)
    return [f"{columns[column].present} AS {identifier(f'{column} present')}" for column in unread]


def _rules(name: str, column: str, reading: ColumnReading, bounds: Bounds) -> list[Rule]:
    rule, cell = TABLES[name][column], identifier(column)
    own_id = column in ("user_id", "friend_id")
    found = []
    present = identifier(f"{column} present") if reading.unread else None
    if rule.kind in _UNREAD and present:
        found.append(Rule(column, _UNREAD[rule.kind], f"{cell} IS NULL AND {present}"))
    if rule.filled:
        missing = f"{cell} IS NULL" + (f" AND NOT {present}" if present and rule.kind in _UNREAD else "")
        found.append(Rule(column, "is missing", missing, shown=False))
    if rule.kind == "time":
        found.append(Rule(column, "is before 1970", f"{cell} < {literal(str(EARLIEST))}::TIMESTAMP"))
        found.append(Rule(column, "is in the future", f"{cell} > {literal(str(naive_utc(bounds.now)))}::TIMESTAMP"))
    if rule.kind == "money":
        found += _money_rules(name, column, cell, bounds.max_amount)
    elif rule.kind == "number" and name not in MONEY_BACK:
        found.append(Rule(column, "is below 0", f"{cell} < 0"))
    return found if not own_id else [Rule(one.column, one.what, one.wrong, shown=False) for one in found]


def _money_rules(name: str, column: str, cell: str, most: float) -> list[Rule]:
    above = f"is above {most:,.0f}"
    if name in MONEY_BACK and column == "amount":
        return [Rule(column, above, f"abs({cell}) > {most!r}")]
    return [Rule(column, above, f"{cell} > {most!r}"), Rule(column, "is below 0", f"{cell} < 0")]


def repeated_keys(connection: duckdb.DuckDBPyConnection, typed: Typed, key: tuple[str, ...]) -> Typed:
    """Set the fault of good rows whose key an earlier good row has; the first good row of a key is right."""
    columns = ", ".join(identifier(column) for column in key)
    rule = Rule(f"key ({', '.join(key)})", "repeats an earlier row", "", shown=False)
    firsts = f"SELECT min({ROW}) FROM {typed.table} WHERE {FAULTS} = 0 GROUP BY {columns}"
    connection.execute(
        f"UPDATE {typed.table} SET {FAULTS} = {1 << len(typed.rules)} WHERE {FAULTS} = 0 AND {ROW} NOT IN ({firsts})"
    )
    return Typed(typed.name, typed.table, typed.source, typed.columns, (*typed.rules, rule))


def count_faults(connection: duckdb.DuckDBPyConnection, typed: Typed) -> tuple[int, dict[str, int], dict[str, int]]:
    """Bad rows, how many of them break each rule, and the first row of each rule, in order of that row."""
    parts = [
        f"count(*) FILTER ({FAULTS} & {1 << bit} > 0), min({ROW}) FILTER ({FAULTS} & {1 << bit} > 0)"
        for bit in range(len(typed.rules))
    ]
    query = f"SELECT {', '.join(['count(*)', *parts])} FROM {typed.table} WHERE {FAULTS} > 0"
    bad, *figures = connection.execute(query).fetchone() or (0,)
    counts = sorted(
        (first, rule.reason, count)
        for rule, count, first in zip(typed.rules, figures[::2], figures[1::2], strict=True)
        if count
    )
    return bad, {reason: count for _, reason, count in counts}, {reason: first for first, reason, _ in counts}


def bad_rows(typed: Typed, hidden: Mapping[str, str]) -> str:
    """SQL of the bad rows as they were read, with ``row`` (1-based) and ``reason``, in order of their rows.

    Parameters
    ----------
    hidden
        SQL in place of columns of the source that nobody may read.
    """
    # Columns that the contract does not name may hold anything, and nobody has looked at them.
    shown = typed.source.columns if typed.name in OPEN_TABLES else typed.columns.values()
    raw = {column: f"s.{identifier(column)}" for column in shown}
    cells = ", ".join(f"{hidden.get(column, cell)} AS {identifier(column)}" for column, cell in raw.items())
    texts = [
        f"CASE WHEN t.{FAULTS} & {1 << bit} > 0 THEN {_said(rule, raw.get(typed.columns.get(rule.column, '')))} END"
        for bit, rule in enumerate(typed.rules)
    ]
    bad = f"(SELECT {ROW}, {FAULTS} FROM {typed.table} WHERE {FAULTS} > 0)"
    return (
        f"SELECT {cells}, t.{ROW} AS row, concat_ws('; ', {', '.join(texts)}) AS reason "
        f"FROM {typed.source.relation} AS s JOIN {bad} AS t ON s.{ROW} = t.{ROW} ORDER BY t.{ROW}"
    )


def _said(rule: Rule, raw: str | None) -> str:
    if raw is None or not rule.shown:
        return literal(f"{rule.column}: {rule.what}")
    return f"{literal(f'{rule.column}: ')} || left({raw}::VARCHAR, {_LONGEST_VALUE}) || {literal(f' {rule.what}')}"


def refuse_all_bad(connection: duckdb.DuckDBPyConnection, typed: Typed) -> None:
    """Stop where no row is good.

    Raises
    ------
    DataError
        If every row breaks a rule, with the rules.
    """
    ((good,),) = connection.execute(f"SELECT count(*) FROM {typed.good}").fetchall()
    if not good:
        bad, reasons, first_rows = count_faults(connection, typed)
        raise DataError(f"{typed.name}: all {bad} rows are bad: {describe(reasons, first_rows)}")


def column_kinds(name: str, found: Mapping[str, str]) -> dict[str, str]:
    """How the columns of a source are to be read, by their name there."""
    kinds = {"money": "number"}
    wanted = {at: TABLES[name][column].kind for column, at in found.items()}
    return {at: kinds.get(kind, kind) for at, kind in wanted.items()}
