"""Cells of one column, as a source of their own, read and given back as values."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa

from purchasing_power.shop.columns.column_reading import ColumnReading, Formats, read_columns
from purchasing_power.shop.reading.source import ROW, Source


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    """One connection for all: opening one takes longer than reading a few cells."""
    connection = duckdb.connect()
    # No reading may lean on the zone of the machine.
    connection.execute("SET TimeZone = 'America/New_York'")
    return connection


def source_of(connection: duckdb.DuckDBPyConnection, table: pa.Table, name: str = "cells") -> Source:
    """An Arrow table as a source."""
    table = table.append_column(ROW, pa.array(range(1, len(table) + 1)))
    connection.register(name, table)
    types = {column: dtype for column, dtype, *_ in connection.execute(f"DESCRIBE {name}").fetchall() if column != ROW}
    return Source(f"{name}.csv", name, types, len(table), written=set(types.values()) == {"VARCHAR"})


def read_cells(
    cells: Sequence[Any], wanted: str, dtype: pa.DataType | None = None, **formats: Any
) -> tuple[ColumnReading, list[Any]]:
    """The reading of a column named ``x``, text where no type is given, and its values in order."""
    connection = _connection()
    source = source_of(connection, pa.table({"x": pa.array(list(cells), dtype or pa.string())}))
    reading = read_columns(connection, source, {"x": wanted}, Formats(**formats))["x"]
    sql = f"SELECT {reading.value}, {reading.present} FROM {source.relation} ORDER BY {ROW}"
    rows = connection.execute(sql).fetchall()
    values = [value for value, _ in rows]
    assert all(isinstance(present, bool) for _, present in rows)
    assert reading.cells == sum(present for _, present in rows)
    if reading.kind != "nested":
        assert reading.unread == sum(present and value is None for value, present in rows)
        assert all(present for value, present in rows if value is not None)
    return reading, values
