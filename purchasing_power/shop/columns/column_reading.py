"""How a column of a source is read: its kind, and the SQL that gives its values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from purchasing_power.errors import DataError
from purchasing_power.shop.columns.formats import Formats
from purchasing_power.shop.reading.source import Source
from purchasing_power.shop.reading.sql import identifier

NO_FORMATS = Formats()


@dataclass(frozen=True)
class ColumnReading:
    """A column as it is read.

    Attributes
    ----------
    kind
        ``number`` (DOUBLE), ``time`` (TIMESTAMP, UTC, microseconds), ``boolean`` (DOUBLE, 1 and 0), ``id`` (VARCHAR,
        trimmed), ``text`` (VARCHAR), ``empty`` (no cell holds anything) or ``nested`` (lists and structures).
    value
        SQL expression over the source's relation: the value, NULL where the cell is missing or cannot be read.
    present
        SQL expression: whether the cell holds something; a cell that is present without a value could not be read.
    how
        In words, such as ``numbers with a decimal comma`` or ``days as 31/12/2024``; empty where nothing is special.
    cells, unread
        Cells that hold something, and those of them that cannot be read.
    notes
        What a person should know, without a value of a row.
    """

    kind: str
    value: str
    present: str
    how: str = ""
    cells: int = 0
    unread: int = 0
    notes: tuple[str, ...] = ()


def read_columns(
    connection: duckdb.DuckDBPyConnection, source: Source, wanted: Mapping[str, str], formats: Formats = NO_FORMATS
) -> dict[str, ColumnReading]:
    """How each wanted column of a source is read.

    Parameters
    ----------
    wanted
        Column of the source → ``number``, ``time``, ``id``, ``text`` or ``open`` (its kind is found from its cells).

    Raises
    ------
    DataError
        If a column of ``wanted`` or ``formats`` is not in the source.
    """
    _refuse_unknown(source, wanted, formats)
    ways = {column: _plain(source.columns[column], identifier(column), kind) for column, kind in wanted.items()}
    if not ways:
        return {}
    counts = ", ".join(f"count(*) FILTER ({present}), count({value})" for _, value, present in ways.values())
    row = connection.execute(f"SELECT {counts} FROM {source.relation}").fetchone() or ()
    return {
        column: ColumnReading(kind, value, present, cells=row[2 * i], unread=row[2 * i] - row[2 * i + 1])
        for i, (column, (kind, value, present)) in enumerate(ways.items())
    }


def _plain(dtype: str, cell: str, kind: str) -> tuple[str, str, str]:
    text = f"NULLIF(trim(CAST({cell} AS VARCHAR)), '')"
    present = f"({cell} IS NOT NULL AND trim(CAST({cell} AS VARCHAR)) <> '')"
    if kind == "number":
        return kind, f"TRY_CAST({cell} AS DOUBLE)", present
    if kind == "time":
        return kind, f"TRY_CAST({text} AS TIMESTAMP)", present
    return ("text" if kind == "open" else kind), text, present


def _refuse_unknown(source: Source, wanted: Mapping[str, str], formats: Formats) -> None:
    for column in [*wanted, *formats.columns]:
        if column not in source.columns:
            raise DataError(
                f"{source.name}: column {column!r} is not there (got: {', '.join(source.columns)}). Correct the mapping."
            )
