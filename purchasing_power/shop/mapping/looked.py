"""Files of an export that are looked at: what their columns hold, and which column of the contract each could be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from purchasing_power.shop.columns.column_reading import read_columns
from purchasing_power.shop.contract import TABLES
from purchasing_power.shop.mapping.words import column_words, plain
from purchasing_power.shop.reading.source import Source
from purchasing_power.shop.reading.sql import identifier


@dataclass(frozen=True)
class Looked:
    """A file, or a sheet of one, that was looked at: its source, the kind of each column, and which can be times."""

    path: Path
    source: Source
    kinds: dict[str, str]
    times: frozenset[str]
    sheet: str | None = None

    @property
    def name(self) -> str:
        """The name of the file, with the sheet where it is one of several."""
        return self.path.name if self.sheet in (None, "*") else f"{self.path.name}, sheet {self.sheet}"


def look_at(path: Path, sheet: str | None, source: Source, connection: duckdb.DuckDBPyConnection) -> Looked:
    """A file that is looked at: what the cells of each column are."""
    readings = read_columns(connection, source, dict.fromkeys(source.columns, "open"))
    kinds = {name: reading.kind for name, reading in readings.items()}
    return Looked(path, source, kinds, _times(source, kinds, connection), sheet)


def _times(source: Source, kinds: dict[str, str], connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Columns of times: those found as such, and those whose name says so and most of whose cells can be read so."""
    words = {
        word for column in ("ordered_at", "occurred_at", "written_at", "joined_at") for word in column_words(column)
    }
    named = [name for name, kind in kinds.items() if kind in ("number", "text", "id") and plain(name) in words]
    readings = read_columns(connection, source, dict.fromkeys(named, "time")) if named else {}
    readable = {name for name, reading in readings.items() if 2 * reading.unread < reading.cells}
    return frozenset(readable | {name for name, kind in kinds.items() if kind == "time"})


def match(column: str, part: Looked) -> str | None:
    """The column of a file that a contract column is most likely to be."""
    names = {plain(name): name for name in reversed(part.source.columns)}
    kind = _kind(column)
    for word in column_words(column):
        name = names.get(word)
        if name is not None and (name in part.times if kind == "time" else _suits(kind, part.kinds[name])):
            return name
    return None


def _kind(column: str) -> str:
    kinds = {name: spec.kind for columns in TABLES.values() for name, spec in columns.items()}
    return kinds.get(column, "money")


def _suits(kind: str, found: str) -> bool:
    if kind in ("number", "money"):
        return found == "number"
    return found not in ("nested", "empty") and not (kind == "text" and found == "time")


def price_of(part: Looked) -> str | None:
    """The column of a file that holds the price of a piece."""
    return match("unit_price", part)


def named_time(column: str, part: Looked) -> str | None:
    """A column whose name says that it holds times, and whose cells do not."""
    names = {plain(name): name for name in reversed(part.source.columns) if name not in part.times}
    return next((names[word] for word in column_words(column) if word in names), None)


def is_whole(part: Looked, column: str, connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether all numbers of a column are whole."""
    value = read_columns(connection, part.source, {column: "number"})[column].value
    row = connection.execute(f"SELECT bool_and({value} = floor({value})) FROM {part.source.relation}").fetchone()
    return bool(row and row[0])


def repeats(part: Looked, column: str, connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether a value of a column stands in several rows."""
    cell = identifier(column)
    row = connection.execute(f"SELECT count({cell}), count(DISTINCT {cell}) FROM {part.source.relation}").fetchone()
    return row is not None and row[0] > row[1]
