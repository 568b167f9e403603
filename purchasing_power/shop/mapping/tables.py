"""A contract table of the rows of files: which columns become which, and what is checked of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from purchasing_power.errors import DataError
from purchasing_power.shop.columns.column_reading import read_columns
from purchasing_power.shop.columns.formats import Formats
from purchasing_power.shop.contract import TABLES
from purchasing_power.shop.mapping.doubts import repeated_totals
from purchasing_power.shop.mapping.expressions import column_names, parse_expression
from purchasing_power.shop.mapping.files import Export, open_files
from purchasing_power.shop.mapping.rows import (
    MissingColumn,
    Rows,
    Workplace,
    expressions,
    names_in,
    only,
    over,
    written,
)
from purchasing_power.shop.mapping.rules import ColumnRule, TableRule
from purchasing_power.shop.mapping.stages import fill_down, join, keep_where, lay_on_calendar, share_out
from purchasing_power.shop.reading.source import ROW, Source
from purchasing_power.shop.reading.sql import identifier


@dataclass(frozen=True)
class MappedTable:
    """A contract table: its source, how its columns are written, what to know of it."""

    source: Source
    formats: Formats
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def build_table(table: str, rule: TableRule, export: Export, work: Workplace) -> MappedTable | None:
    """The contract table that a rule makes of the files; ``None`` where it is optional and its files are missing.

    Raises
    ------
    DataError
        If a file, a column or a partner is missing, or a step would change what the rows mean.
    """
    if rule.optional and not export.holds(rule.files):
        return None
    try:
        return _built(table, rule, export, work)
    except MissingColumn:
        if not rule.optional:
            raise
        return None


def _built(table: str, rule: TableRule, export: Export, work: Workplace) -> MappedTable:
    path = f"tables.{table}"
    rows = _assembled(rule, export, path, work)
    _read_at_once(rule, rows, work)
    rows = keep_where(rows, rule.where, f"{path}.where", work)
    for share in rule.share or ():
        rows = share_out(rows, share, f"{path}.share", work)
    taken = _taken(table, rule, rows)
    return _selected(table, rule, rows, taken, work)


def _read_at_once(rule: TableRule, rows: Rows, work: Workplace) -> None:
    """Read the columns of all expressions in one go: the rows are scanned once."""
    texts = [*rule.where, *(share.weight for share in rule.share or () if share.weight)]
    texts += [text for column in rule.columns.values() for text in column.candidates if rows.find(text) is None]
    found = (rows.find(name) for text in texts for name in names_in(text))
    rows.read(work, {name: "open" for name in found if name is not None})


def _assembled(rule: TableRule, export: Export, path: str, work: Workplace) -> Rows:
    wanted = _wanted(rule)
    rows = _opened(rule, export, rule.files, f"{path}.from", work)
    for place, fill in enumerate(rule.fill_down):
        rows = fill_down(rows, fill, f"{path}.fill_down[{place}]")
    if rule.fill_down:
        rows = written(only(rows, wanted), work, "filled")
    for place, part in enumerate(rule.joins):
        where = f"{path}.join[{place}]"
        if part.optional and not export.holds([part.file]):
            rows = rows.telling(f"{where}: no file {part.file}, which the mapping does without")
            continue
        right = _opened(rule, export, (part.file,), f"{where}.file", work)
        rows = join(only(rows, wanted), only(right, {*wanted, *part.on.values()}), part, where, work)
        rows = written(rows, work, "joined")
    return _with_empty(rows, rule.may_lack)


def _with_empty(rows: Rows, names: tuple[str, ...]) -> Rows:
    """Rows that have every column they may lack, empty where they do."""
    lacking = [name for name in names if rows.find(name) is None]
    if not lacking:
        return rows
    empty = ", ".join(f"CAST(NULL AS VARCHAR) AS {identifier(name)}" for name in lacking)
    relation = f"(SELECT *, {empty} FROM {rows.source.relation})"
    return rows.of(relation, {**rows.source.columns, **dict.fromkeys(lacking, "VARCHAR")})


def _opened(rule: TableRule, export: Export, files: tuple[str, ...], path: str, work: Workplace) -> Rows:
    rows = open_files(export, files, path, rule.read if files == rule.files else {}, work)
    if rule.calendar is not None and rule.calendar.file in files:
        rows = lay_on_calendar(rows, rule.calendar, f"{path.rpartition('.')[0]}.calendar", work)
    return rows


def _wanted(rule: TableRule) -> set[str]:
    texts = [text for column in rule.columns.values() for text in column.candidates]
    texts += [*rule.where, *(share.weight for share in rule.share or () if share.weight)]
    names = {name for text in texts for name in names_in(text)}
    names |= {name for share in rule.share or () for name in (*share.columns, share.by)}
    names |= {name for part in rule.joins for name in (*part.on, *(part.columns or ()))}
    # A name with its file before it means the column wherever it stands.
    return names | {name.rpartition(".")[2] for name in names}


def _taken(table: str, rule: TableRule, rows: Rows) -> dict[str, str]:
    """Contract column → column or expression."""
    taken: dict[str, str] = {}
    for name, column in rule.columns.items():
        where = f"tables.{table}.columns.{name}"
        text = next((text for text in column.candidates if _fits(text, rows)), None)
        if text is not None:
            taken[name] = text
        elif not column.optional or (name in TABLES[table] and TABLES[table][name].needed):
            raise _missing(column, rows, where)
    return taken


def fits_headers(rule: TableRule, headers: Iterable[str]) -> bool:
    """Whether header names hold all that a table needs, whatever file each stands in."""
    names = {name.strip().casefold() for name in headers} | {name.casefold() for name in rule.may_lack}
    if rule.calendar:
        names.add(rule.calendar.column.casefold())
    return all(
        any(_names(text) <= names or text.casefold() in names for text in column.candidates)
        for column in rule.columns.values()
        if not column.optional
    )


def _names(text: str) -> set[str]:
    try:
        return {name.casefold() for name in column_names(parse_expression(text, ""))}
    except DataError:
        return {text.casefold()}


def _fits(text: str, rows: Rows) -> bool:
    if rows.find(text) is not None:
        return True
    try:
        return all(rows.find(name) is not None for name in column_names(parse_expression(text, "")))
    except DataError:
        return False


def _missing(column: ColumnRule, rows: Rows, where: str) -> DataError:
    for text in column.candidates:
        try:
            names = column_names(parse_expression(text, where))
        except DataError as error:
            # More than one word is more likely the name of a column than an expression.
            return rows.unknown(text, where) if text.replace(" ", "").isalnum() else error
        for name in names:
            if rows.find(name) is None:
                return rows.unknown(name, where)
    return rows.unknown(column.candidates[0], where)


def _selected(table: str, rule: TableRule, rows: Rows, taken: dict[str, str], work: Workplace) -> MappedTable:
    path = f"tables.{table}.columns"
    bare = {name: column for name, text in taken.items() if (column := rows.find(text)) is not None}
    rest = {name: text for name, text in taken.items() if name not in bare}
    bound = expressions(rows, {f"{path}.{name}": text for name, text in rest.items()}, work)
    parts = {name: identifier(column) for name, column in bare.items()}
    parts |= {name: bound.sql(text, f"{path}.{name}", work) for name, text in rest.items()}
    notes = [note for name, text in rest.items() for note in bound.unread(text, f"{path}.{name}")]
    select = ", ".join(f"{parts[name]} AS {identifier(name)}" for name in taken)
    relation = work.write(f"SELECT {ROW}, {select} FROM {rows.source.relation}", f"mapped_{table}")
    if rule.distinct is not None:
        relation, note = _distinct(relation, list(taken), rule.distinct, work)
        notes.append(f"tables.{table}.distinct: {note}")
    described = work.connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    types = {row[0]: row[1] for row in described if row[0] != ROW}
    ragged = rows.source.ragged
    counts = [f"(SELECT count(*) FROM {part})" for part in (relation, *([ragged] if ragged else []))]
    source = replace(
        rows.source, relation=relation, columns=types, rows=sum(work.values(f"SELECT {', '.join(counts)}")), notes=()
    )
    formats = {name: _formats(rule.columns[name], rows, bare.get(name), types[name]) for name in taken}
    if table == "orders" and rule.share is None and {"order_id", "amount"} <= {*taken}:
        _refuse_repeated_totals(source, Formats(columns=formats), bare.get("amount"), work)
    return MappedTable(source, Formats(columns=formats), tuple(dict.fromkeys((*rows.notes, *notes))), rows.warnings)


def _refuse_repeated_totals(source: Source, formats: Formats, column: str | None, work: Workplace) -> None:
    wanted = {"order_id": "id", "amount": "number"} | ({"product_id": "id"} if "product_id" in source.columns else {})
    readings = read_columns(work.connection, source, wanted, formats)
    sql = [readings[name].value if name in readings else None for name in ("order_id", "amount", "product_id")]
    found = repeated_totals(work.connection, source.relation, sql[0] or "", sql[1] or "", sql[2])
    if found is not None:
        raise DataError(
            f"mapping: tables.orders.columns.amount: in {found[1]:,} of {found[0]:,} orders of several rows, all rows "
            "hold the same amount; if it is the total of the order, it would count once for each row. Write "
            f"`share: {{column: {column or 'TOTAL'}, by: ORDER}}` (your columns) under tables.orders to divide it over "
            "the rows, or `share: false` if it is the amount of each row."
        )


def _formats(rule: ColumnRule, rows: Rows, column: str | None, kind: str) -> Formats:
    """How a column is written: as its file is, and as its rule says; what was worked out is in plain figures."""
    if column is not None:
        return over(rule.formats, rows.formats.get(column, Formats()))
    return rule.formats if kind == "VARCHAR" else Formats()


def _distinct(relation: str, columns: list[str], key: str, work: Workplace) -> tuple[str, str]:
    """One row for each key; every other column has its most frequent value there, the first one where several are."""
    cell = f"NULLIF(trim(CAST({identifier(key)} AS VARCHAR)), '')"
    parts = [f"(SELECT {cell} AS k, min({ROW}) AS r FROM {relation} WHERE {cell} IS NOT NULL GROUP BY k) keys"]
    select = [f"keys.r AS {ROW}"]
    for place, name in enumerate(columns):
        if name == key:
            select.append(f"keys.k AS {identifier(name)}")
            continue
        value = identifier(name)
        counted = (
            f"SELECT {cell} AS k, {value} AS v, count(*) AS n, min({ROW}) AS r FROM {relation} "
            f"WHERE {value} IS NOT NULL GROUP BY ALL"
        )
        best = f"SELECT k, arg_max(v, (n, -r)) AS v FROM ({counted}) GROUP BY k"
        parts.append(f"LEFT JOIN ({best}) p{place} ON p{place}.k = keys.k")
        select.append(f"p{place}.v AS {value}")
    done = work.write(f"SELECT {', '.join(select)} FROM {' '.join(parts)} ORDER BY keys.r", "distinct")
    before, after = work.values(f"SELECT (SELECT count(*) FROM {relation}), (SELECT count(*) FROM {done})")
    return done, f"{before:,} rows hold {after:,} distinct {key}, each taken once with its most frequent values"
