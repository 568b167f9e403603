"""Signs that rows are not what they seem: totals repeated on every line, a second table below the first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import duckdb

from purchasing_power.errors import DataError
from purchasing_power.shop.mapping.words import header_words, plain
from purchasing_power.shop.reading.source import ALL_FOUND, ROW, Source, read_source
from purchasing_power.shop.reading.sql import identifier
from purchasing_power.shop.reading.staged import ReadOptions

_FEWEST_ORDERS = 3
_MOST_ORDERS = 0.95
_LOOKED_AT = 1000
# Rows of an export have dates, prices and numbers; names of columns hardly any digits.
_FEW_DIGITS = 4
_LINES = 1_000_000


def repeated_totals(
    connection: duckdb.DuckDBPyConnection, relation: str, order: str, amount: str, product: str | None = None
) -> tuple[int, int] | None:
    """Orders of several products, and those of them whose rows all hold one amount, where these are nearly all.

    The total of an order that stands on each of its rows looks like this, and counts once for each row when summed.

    Parameters
    ----------
    relation
        SQL that stands after FROM.
    order, amount, product
        SQL expressions over it.

    Returns
    -------
    tuple of int or None
        ``None`` where nothing is conspicuous: fewer than three such orders, below 95 % of them, or one amount for most.
    """
    several = "count(*)" if product is None else f"count(DISTINCT {product})"
    orders = (
        f"SELECT {order} AS o, min({amount}) AS low, max({amount}) AS high FROM {relation} WHERE {order} IS NOT NULL "
        f"GROUP BY o HAVING {several} > 1"
    )
    same = "count(*) FILTER (low = high)"
    row = connection.execute(f"SELECT count(*), {same}, count(DISTINCT high) FILTER (low = high) FROM ({orders})")
    count, alike, distinct = row.fetchone() or (0, 0, 0)
    return (count, alike) if alike >= max(_FEWEST_ORDERS, _MOST_ORDERS * count) and 2 * distinct > alike else None


def read_one_table(
    path: Path, scratch: Path, connection: duckdb.DuckDBPyConnection, options: ReadOptions = ALL_FOUND
) -> Source:
    """A file as a source, as :func:`~purchasing_power.shop.reading.source.read_source` reads it.

    Raises
    ------
    DataError
        If it cannot be read, or holds several tables under one another, with the place of the second one's header.
    """
    try:
        source = read_source(path, scratch, connection, options)
    except DataError as error:
        line = _header_line(path, options)
        if line is None:
            raise
        raise DataError(_second_table(path.name, f"line {line + 1:,}", None, line)) from error
    row = second_header(connection, source)
    if row is not None:
        lines = row + (options.skip_rows or 0)
        raise DataError(_second_table(path.name, f"data row {row:,}", row - 1, lines))
    return source


def _second_table(file: str, place: str, rows: int | None, lines: int) -> str:
    before = "N}`, N being the number of its data rows," if rows is None else f"{rows}}}`"
    return (
        f"{file}: {place} holds column names of another table; a file is read as one table. In a mapping, write "
        f"`read: {{rows: {before} under the table that comes of the rows before it, and `read: {{skip_rows: {lines}}}` "
        "(lines before its header) under the one that comes of those after it."
    )


def _header_line(path: Path, options: ReadOptions) -> int | None:
    """Lines before a second header, in a text file that is not compressed."""
    if path.suffix.lower() not in (".csv", ".tsv", ".txt") or not path.is_file():
        return None
    skipped, own = options.skip_rows or 0, [""]
    with path.open(encoding=options.encoding or "utf-8-sig", errors="replace") as handle:
        for place, line in enumerate(islice(handle, _LINES)):
            cells = [cell.strip('" ') for cell in re.split(r"[,;\t|]", line.strip())]
            if place == skipped:
                own = cells
            elif place > skipped and _is_header(cells, own):
                return place
    return None


def second_header(connection: duckdb.DuckDBPyConnection, source: Source) -> int | None:
    """Number of the first row that is the header of another table: nothing but column names, not those of this one."""
    found = [row for row in (_among_rows(connection, source), _among_ragged(connection, source)) if row is not None]
    return min(found, default=None)


def _is_header(cells: list[str], names: Iterable[str]) -> bool:
    words = [plain(cell) for cell in cells if cell and cell.strip()]
    own = {plain(name) for name in names}
    known = sum(word in header_words() for word in words)
    numbers = any(re.fullmatch(r"[-+\d.,:/ ]+", cell.strip()) for cell in cells if cell)
    return len(words) > 1 and not numbers and 2 * known >= len(words) and known > 1 and not set(words) <= own


def _among_rows(connection: duckdb.DuckDBPyConnection, source: Source) -> int | None:
    names = [name for name, kind in source.columns.items() if kind == "VARCHAR"]
    if not source.written or len(names) < 2:
        return None
    cells = ", ".join(identifier(name) for name in names)
    digits = f"length(regexp_replace(concat_ws('', {cells}), '[^0-9]', '', 'g'))"
    # Ids and days of the first columns rule out nearly all rows, without a look at the others.
    first = " AND ".join(f"NOT regexp_matches({identifier(name)}, '[0-9][0-9]')" for name in names[:2])
    if not connection.execute(f"SELECT 1 FROM {source.relation} WHERE {first} LIMIT 1").fetchall():
        return None
    few = f"WHERE {first} AND {digits} <= {_FEW_DIGITS} ORDER BY {ROW} LIMIT {_LOOKED_AT}"
    rows = connection.execute(f"SELECT {ROW}, {cells} FROM {source.relation} {few}").fetchall()
    return next((row[0] for row in rows if _is_header([cell or "" for cell in row[1:]], source.columns)), None)


def _among_ragged(connection: duckdb.DuckDBPyConnection, source: Source) -> int | None:
    if source.ragged is None:
        return None
    rows = connection.execute(f"SELECT {ROW}, line FROM {source.ragged} ORDER BY {ROW} LIMIT {_LOOKED_AT}").fetchall()
    cells = ((row, [cell.strip('" ') for cell in re.split(r"[,;\t|]", line or "")]) for row, line in rows)
    return next((row for row, parts in cells if _is_header(parts, source.columns)), None)
