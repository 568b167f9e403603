"""Mapping of an export to the contract: a YAML file, or a built-in name, and the tables that it makes.

A mapping says which file becomes which table, and which column, or expression, becomes which column of the contract
(:data:`purchasing_power.shop.contract.TABLES`). Everything else about a file (encoding, delimiter, header, number and
date formats) is found out; what was found wrongly is corrected here. Words are those of YAML 1.2: ``on``, ``no`` and
``007`` are texts. File names stand as in the folder, without regard to case, with or without their ending; ``*`` and
``?`` stand for any characters, and an export that is one file answers to any name. Column names stand as in the
header, without regard to case and blanks at the ends; where two files have a column of one name, that of the joined
file is ``file.column``. A file without ``tables`` corrects the reading alone: of a folder whose files have the
contract's names, or of a flat file.

.. code-block:: yaml

    about: Shop of 2024, from the accounting system.    # for people
    time_zone: Europe/Paris              # of times that state none; UTC without it
    currency: {own: GBP, rates: {EUR: 0.86}}            # one EUR is 0.86 GBP; without a rate, a second one stops
    guests: ["0", "guest"]               # customer ids that stand for nobody
    status:                              # words of the column status; each list replaces the one that is built in
      left_out: [pending, failed]        # such lines do not count
      returned: [refunded]               # such lines are a purchase and its return
    read:                                # by file, only where a guess about a file is wrong
      orders.csv: {delimiter: ";", quote: '"', encoding: cp1252, skip_rows: 2, rows: 1000, header: [who, day, paid]}
      shop.xlsx: {sheet: "*"}            # one, "A,B" or all; skip_rows: lines before the header; rows: at most so many
    formats:                             # by file, for all of its columns and for some
      orders.csv: {decimal: ",", date: "%d/%m/%Y", time_zone: UTC, columns: {price: {decimal: "."}}}
    tables:
      orders:
        from: order_items.csv            # or a list: files with one header, one after another
        optional: true                   # the table is left out where its file, or a column it needs, is missing
        read: {sheet: Sales}             # as above, for this table's file alone: two tables in one file
        calendar:                        # relative days laid on a calendar: a column of times more
          {file: orders.csv, user: user_id, sequence: order_number, days: days_since_prior_order,
           hour: order_hour_of_day, end: 2017-12-31, column: ordered_at}
        fill_down: {columns: [Email, Created at], by: Name}   # cells that only one row of an order fills; without
                                         # by, cells that hold for the rows below (a list of such rules is possible)
        join:                            # one, or a list: columns of another file, by keys compared as ids
          - {file: orders.csv, on: order_id, columns: [status], at_least: 0.5, optional: true}
          - {file: customers.csv, on: {customer_id: id}}      # column so far: column of that file
          - {file: payments.csv, on: order_id, keep: sum}     # a key in several rows: sum of numbers, or first
        may_lack: [Discount]             # columns that are empty where the files do not have them
        where: InvoiceNo NOT LIKE 'A%'   # rows that are kept; of a list, all conditions hold
        share: {column: total, by: order_id, weight: qty * price}   # an amount of the whole order, divided over its
                                         # rows, evenly without weight; false: amounts that look like one are not
        distinct: user_id                # one row for each, with the most frequent values of the other columns
        columns:
          user_id: customer_unique_id    # a column, with its cells as they are written
          amount: Quantity * Price       # an expression
          status: [state, order_status]  # the first whose columns are all there
          ordered_at: {column: InvoiceDate, date: "%m/%d/%Y %H:%M", time_zone: UTC}   # and decimal, optional

Steps run in this order: read, calendar, fill_down, join, where, share, columns, distinct.

``date`` is a strptime format, or ``day_first``, ``month_first``, ``excel``, ``unix_seconds``, ``unix_milliseconds``,
``unix_microseconds``. In an expression (SQL of DuckDB, of one row) columns are what their cells are: numbers, times in
UTC, or text; beside text functions, LIKE and ``||`` they are text as it is written. Names with blanks stand in double
quotes there, texts in single ones. A step that fails for a row, such as a CAST, leaves the cell empty. A join fails
below ``at_least`` (0.5 unless stated) of its keys with a partner, and where it would multiply rows.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import duckdb

from purchasing_power.errors import DataError
from purchasing_power.shop.columns.formats import Formats
from purchasing_power.shop.mapping.files import list_files, unread_files
from purchasing_power.shop.mapping.form import nearest, parse_yaml
from purchasing_power.shop.mapping.rows import Workplace
from purchasing_power.shop.mapping.rules import ShopMapping as ShopMapping
from purchasing_power.shop.mapping.rules import check_mapping
from purchasing_power.shop.mapping.tables import build_table
from purchasing_power.shop.order_rules import OrderRules
from purchasing_power.shop.reading.source import Source


@dataclass(frozen=True)
class MappedShop:
    """Sources of contract tables that a mapping made of an export.

    Attributes
    ----------
    sources
        By contract table; columns have contract names.
    rules
        What statuses, guests and currencies mean.
    formats
        By contract table, how its columns are written.
    notes, warnings
        What was done and seen, for people, without a value of a row.
    """

    sources: dict[str, Source]
    rules: OrderRules
    formats: dict[str, Formats]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def built_in_names() -> tuple[str, ...]:
    """Names of the mappings that come with the library."""
    folder = resources.files("purchasing_power.shop.mapping") / "built_in"
    return tuple(sorted(path.name.removesuffix(".yaml") for path in folder.iterdir() if path.name.endswith(".yaml")))


def load_mapping(name_or_path: str) -> ShopMapping:
    """A checked mapping, from a YAML file or one that is built in.

    Raises
    ------
    DataError
        If there is none of that name, or a key or value in it is wrong, with its path.
    """
    text, name = _text(name_or_path), name_or_path
    digest = hashlib.sha256(text.encode()).hexdigest()
    return check_mapping(parse_yaml(text, name), name, text, digest)


def _text(name_or_path: str) -> str:
    names = built_in_names()
    if name_or_path in names:
        folder = resources.files("purchasing_power.shop.mapping") / "built_in"
        return (folder / f"{name_or_path}.yaml").read_text(encoding="utf-8")
    path = Path(name_or_path)
    if not path.is_file():
        raise DataError(
            f'mapping: no file and no built-in mapping "{name_or_path}"; {nearest(name_or_path, names)}, or a YAML '
            "file. Give one of them, or write one with mapping=suggest."
        )
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"mapping: {path.name} is not UTF-8. Save it as UTF-8.") from error


def apply_mapping(
    mapping: ShopMapping, folder_or_file: Path, scratch: Path, connection: duckdb.DuckDBPyConnection
) -> MappedShop:
    """The contract tables that a mapping makes of an export; what is worked out is written to ``scratch``.

    Raises
    ------
    DataError
        If a file, a column or a partner is missing, or a step would change what the rows mean.
    """
    export, work = list_files(mapping, folder_or_file), Workplace(connection, scratch)
    built = {name: build_table(name, rule, export, work) for name, rule in mapping.tables.items()}
    tables = {name: table for name, table in built.items() if table is not None}
    if "orders" in mapping.tables and "orders" not in tables:
        raise DataError(
            f"mapping {mapping.name}: no file of {', '.join(mapping.tables['orders'].files)} in {folder_or_file}; "
            "orders are needed. Check the folder, or correct tables.orders.from."
        )
    absent = [f"{name}: no file for it, which the mapping does without" for name in built if name not in tables]
    unread = [f"{name} was not read: the mapping names no use for it" for name in unread_files(export)]
    return MappedShop(
        {name: table.source for name, table in tables.items()},
        mapping.rules,
        {name: table.formats for name, table in tables.items()},
        tuple(dict.fromkeys([*(note for table in tables.values() for note in table.notes), *absent, *unread])),
        tuple(warning for table in tables.values() for warning in table.warnings),
    )
