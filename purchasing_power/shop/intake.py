"""Intake of a shop: files read, rows checked, order lines resolved, ids matched, users replaced, all of it reported."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from tqdm import tqdm

from purchasing_power.errors import DataError
from purchasing_power.shop import key_matches
from purchasing_power.shop.checks import (
    Bounds,
    Typed,
    column_kinds,
    contract_columns,
    refuse_all_bad,
    repeated_keys,
    type_table,
)
from purchasing_power.shop.columns.column_reading import ColumnReading, Formats, read_columns
from purchasing_power.shop.contract import KEYS, MAX_AMOUNT, OPEN_TABLES, REQUIRED_TABLES, TABLES, USER_COLUMNS
from purchasing_power.shop.mapping.doubts import repeated_totals
from purchasing_power.shop.mapping.files import read_as_told
from purchasing_power.shop.mapping.mapping import apply_mapping, load_mapping
from purchasing_power.shop.order_figures import order_figures
from purchasing_power.shop.order_lines import DUPLICATES, LINES, OrderLines, resolve_lines, taken_off
from purchasing_power.shop.order_rules import OrderRules
from purchasing_power.shop.pseudonym import make_pseudonyms
from purchasing_power.shop.reading.source import ROW, Source, find_column, find_sources
from purchasing_power.shop.report import IntakeReport, summary
from purchasing_power.shop.tables import shop_folder
from purchasing_power.shop.written_tables import Written, write_orders, write_other, write_returns

log = logging.getLogger(__name__)

# What DuckDB may hold in memory; what is larger goes to the scratch folder.
MEMORY_LIMIT = "1000MB"
# Order lines that are looked at for totals which stand on every line.
_DOUBTED = 1_000_000


@dataclass(frozen=True)
class Shop:
    """Sources by contract table, and what a mapping says of them."""

    sources: dict[str, Source]
    rules: OrderRules = field(default_factory=OrderRules)
    formats: dict[str, Formats] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    mapped: bool = False


@dataclass(frozen=True)
class ReadTable:
    """A table with the contract's types in DuckDB, and how each column of its source was read."""

    typed: Typed
    readings: dict[str, ColumnReading]
    notes: tuple[str, ...]


def ingest(
    source: Path,
    target: Path,
    *,
    key: bytes,
    now: datetime | None = None,
    max_amount: float = MAX_AMOUNT,
    mapping: str | None = None,
    duplicates: str = "sum",
) -> IntakeReport:
    """Check the tables of a shop and write them to ``target``, which is replaced as a whole.

    Good rows go to ``target/NAME.parquet``; bad rows, as they were read, go to ``target/quarantine/NAME.parquet``
    with a ``row`` (1-based) and a ``reason`` column. User ids are pseudonyms in both. What became of each row adds
    up to the rows read.

    Parameters
    ----------
    source
        A folder of tables, or one file for a mapping.
    key
        Key of the pseudonyms, see :func:`purchasing_power.shop.pseudonym.read_key`.
    now
        Times after it are in the future; the present where ``None``.
    max_amount
        Largest amount and discount of an order line, in the shop's currency.
    mapping
        A mapping file or the name of a built-in one; ``None`` takes tables and columns by the contract's names.
    duplicates
        What becomes of order lines that repeat an earlier one in every column: ``sum``, ``drop`` or ``quarantine``.

    Raises
    ------
    DataError
        If the folder, a table or a column that is needed is missing, a table holds no good row, ids of two tables
        never match, or several currencies have no rates.
    """
    if source.resolve() == target.resolve():
        raise DataError(f"target: {target} is the source too and would be replaced. Give another folder.")
    if duplicates not in DUPLICATES:
        raise DataError(f"duplicates: got {duplicates}; allowed are {', '.join(DUPLICATES)}. Name one of them.")
    bounds = Bounds(max_amount, now or datetime.now(UTC))
    with tempfile.TemporaryDirectory() as name, shop_folder(target) as draft:
        scratch = Path(name)
        connection = duckdb.connect(str(scratch / "intake.duckdb"))
        try:
            connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
            connection.execute(f"SET temp_directory = '{scratch}'")
            report = _ingest(connection, _shop(connection, source, mapping, scratch), draft, key, bounds, duplicates)
        finally:
            connection.close()
    told = report.warnings or any(part.quarantined for part in report.tables.values())
    log.log(logging.WARNING if told else logging.INFO, "intake\n%s", summary(report))
    return report


def _shop(connection: duckdb.DuckDBPyConnection, source: Path, mapping: str | None, scratch: Path) -> Shop:
    told = None if mapping is None else load_mapping(mapping)
    if told is not None and told.tables:
        mapped = apply_mapping(told, source, scratch, connection)
        return Shop(mapped.sources, mapped.rules, mapped.formats, mapped.notes, mapped.warnings, True)
    if not source.is_dir():
        raise DataError(
            f"shop folder: no folder at {source}. Give a folder that holds orders.parquet or orders.csv, "
            "or name a sample."
        )
    known = {name: path for name, path in find_sources(source).items() if name in TABLES}
    _refuse_missing(source, known)
    read = {name: read_as_told(told, known[name], scratch, connection) for name in TABLES if name in known}
    return Shop(
        {name: table for name, (table, _) in read.items()},
        OrderRules() if told is None else told.rules,
        {name: formats for name, (_, formats) in read.items()},
        tuple(f"{name} in the shop folder is no shop table and was skipped" for name in _others(source, known)),
    )


def _others(source: Path, known: Mapping[str, Path]) -> list[str]:
    used = {path.name for path in known.values()}
    return sorted(path.name for path in source.iterdir() if path.name not in used and not path.name.startswith("."))


def _refuse_missing(source: Path, known: Mapping[str, Path]) -> None:
    missing = [name for name in REQUIRED_TABLES if name not in known]
    if missing:
        names = ", ".join(p.name for p in sorted(source.iterdir())) or "nothing"
        raise DataError(
            f"{missing[0]}: no such table in {source} (found: {names}); it is required. Add {missing[0]}.parquet or "
            f"{missing[0]}.csv, or say which file it is in a mapping file: ingest with -P mapping=suggest proposes one."
        )


def _ingest(
    connection: duckdb.DuckDBPyConnection, shop: Shop, draft: Path, key: bytes, bounds: Bounds, duplicates: str
) -> IntakeReport:
    tables: dict[str, ReadTable] = {}
    bounds = replace(bounds, guests=shop.rules.guests)
    for name, source in tqdm(shop.sources.items(), desc="intake", unit="table"):
        tables[name] = _read(connection, name, source, shop.formats.get(name, Formats()), bounds)
    orders = tables.pop("orders")
    lines = resolve_lines(connection, orders.typed, shop.rules, duplicates)
    matches = key_matches.match_keys(connection, _keep_ids(connection, tables, lines))
    make_pseudonyms(connection, _user_ids(orders, tables.values()), key)
    written = {"orders": write_orders(connection, orders.readings, lines, draft)}
    returns = tables.pop("returns", None)
    if returns is not None or lines.returned or lines.both:
        read = None if returns is None else (returns.typed, returns.readings)
        written["returns"] = write_returns(connection, read, lines, draft)
    for name, table in tables.items():
        written[name] = write_other(connection, table.typed, table.readings, bounds, draft)
    notes = [note for table in (orders, *tables.values()) for note in table.notes]
    report = _report(connection, written, [*shop.notes, *notes, *lines.notes], matches, lines, draft)
    return replace(report, warnings=(*shop.warnings, *_doubts(connection, orders.typed, shop), *report.warnings))


def _doubts(connection: duckdb.DuckDBPyConnection, typed: Typed, shop: Shop) -> list[str]:
    """A warning where an order's total seems to stand on each of its lines; a mapping has been asked already."""
    have = typed.columns
    if shop.mapped or not {"order_id", "amount"} <= {*have}:
        return []
    product = "product_id" if "product_id" in have else None
    found = repeated_totals(
        connection, f"(SELECT * FROM {typed.good} WHERE {ROW} <= {_DOUBTED})", "order_id", "amount", product
    )
    if found is None:
        return []
    return [
        f"orders.amount: in {found[1]:,} of {found[0]:,} orders of several lines all lines hold the same amount; if "
        "it is the total of the order, it counts once for each line. A mapping with `share` divides it over the lines."
    ]


def _read(
    connection: duckdb.DuckDBPyConnection, name: str, source: Source, formats: Formats, bounds: Bounds
) -> ReadTable:
    """Read a table's columns by the contract; those of an open table that it does not name, as they are."""
    found = {column: at for column in TABLES[name] if (at := find_column(source.columns, column)) is not None}
    contract_columns(name, source, found)
    extras = [column for column in source.columns if column not in found.values()]
    wanted = column_kinds(name, found) | (dict.fromkeys(extras, "open") if name in OPEN_TABLES else {})
    readings = read_columns(connection, source, wanted, formats)
    if name == "orders":
        readings |= taken_off(connection, source, found, readings)
    typed = type_table(connection, name, source, found, readings, bounds)
    refuse_all_bad(connection, typed)
    if name in KEYS and name != "orders":
        typed = repeated_keys(connection, typed, KEYS[name])
    told = {at: reading.notes for at, reading in readings.items()}
    # Cells of the contract's columns that cannot be read are faults of their rows, and told as such.
    told |= {at: tuple(note for note in told[at] if not note.endswith("and are missing")) for at in found.values()}
    notes = [*source.notes, *(f"{name}.{note}" for texts in told.values() for note in texts)]
    if name not in OPEN_TABLES:
        notes += [f"{name}.{column} is not in the contract: left out" for column in extras]
    return ReadTable(typed, readings, tuple(notes))


def _keep_ids(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, ReadTable], lines: OrderLines) -> set[str]:
    """Keep the ids of every column that has a partner, of the rows that count."""
    kept = {"orders.user_id", "orders.product_id", "orders.order_id"}
    if "product_id" not in lines.typed.columns:
        kept.remove("orders.product_id")
    if "returns" not in tables or "order_id" not in lines.typed.columns:
        kept.remove("orders.order_id")
    for column in kept:
        key_matches.keep_ids(connection, column, LINES)
    for name, table in tables.items():
        ids = [f"{name}.{column}" for column in table.typed.columns if TABLES[name][column].kind == "id"]
        for column in ids:
            key_matches.keep_ids(connection, column, table.typed.good)
        kept |= set(ids)
    return kept


def _user_ids(orders: ReadTable, others: Iterable[ReadTable]) -> list[tuple[str, str]]:
    """Tables and columns that hold user ids, bad rows included: they are replaced in the quarantine too."""
    tables = [one.typed for one in (orders, *others)]
    return [(one.table, column) for one in tables for column in USER_COLUMNS[one.name] if column in one.columns]


def _report(
    connection: duckdb.DuckDBPyConnection,
    written: Mapping[str, Written],
    notes: list[str],
    matches: tuple[key_matches.KeyMatch, ...],
    lines: OrderLines,
    draft: Path,
) -> IntakeReport:
    warnings = key_matches.warnings(matches)
    for one in written.values():
        warnings += one.warnings
        notes += one.notes
    return IntakeReport(
        tables={name: one.report for name, one in written.items()},
        warnings=tuple(warnings),
        notes=tuple(dict.fromkeys(notes)),
        key_matches=matches,
        money=written["returns"].money if "returns" in written else lines.money,
        orders=order_figures(connection, draft / "orders.parquet"),
    )
