"""Rows on their way from files to a contract table: their columns, and how these are written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from purchasing_power.errors import DataError
from purchasing_power.shop.columns.column_reading import ColumnReading, read_columns
from purchasing_power.shop.columns.formats import Formats
from purchasing_power.shop.mapping.expressions import asked_as, bind, column_names, parse_expression
from purchasing_power.shop.mapping.form import nearest
from purchasing_power.shop.reading.source import ROW, Source, find_column
from purchasing_power.shop.reading.sql import identifier, literal
from purchasing_power.shop.reading.staged import free_path


class MissingColumn(DataError):
    """A column that a mapping names and its file does not have: an optional table does without."""


@dataclass(frozen=True)
class Workplace:
    """Where rows are worked on: the connection, and a folder for what is written between."""

    connection: duckdb.DuckDBPyConnection
    scratch: Path

    def values(self, query: str) -> tuple[int, ...]:
        """The one row of counts that a query gives."""
        row = self.connection.execute(query).fetchone() or ()
        return tuple(int(value or 0) for value in row)

    def write(self, query: str, name: str) -> str:
        """Write the rows of a query to a Parquet file in the scratch folder: SQL that stands after FROM."""
        path = literal(str(free_path(self.scratch, name, ".parquet")))
        self.connection.execute(f"COPY ({query}) TO {path} (FORMAT parquet, COMPRESSION snappy)")
        return f"read_parquet({path})"


@dataclass(frozen=True)
class Rows:
    """Rows of one or more files.

    Attributes
    ----------
    source
        The rows; its columns have names of their own.
    path
        The table in the mapping that they are for, such as ``tables.orders``.
    formats
        How a column is written, where the mapping says so.
    aliases
        Other names of columns, ``file.column``.
    seen
        All columns of the files, those that nobody asks for included.
    notes, warnings
        What a person should know of what was done.
    known
        Readings of columns, by column and wanted kind: rows that are left out later do not change how cells are read.
    """

    source: Source
    path: str
    formats: Mapping[str, Formats] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    seen: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    known: dict[tuple[str, str], ColumnReading] = field(default_factory=dict)

    def find(self, name: str) -> str | None:
        """The column that a name of the mapping means."""
        found = find_column(self.source.columns, name)
        alias = None if found else find_column(self.aliases, name)
        return self.aliases[alias] if alias else found

    def column(self, name: str, where: str) -> str:
        """The column that a name of the mapping means.

        Raises
        ------
        DataError
            If there is none, with the nearest name.
        """
        found = self.find(name)
        if found is None:
            raise self.unknown(name, where)
        return found

    def unknown(self, name: str, where: str) -> MissingColumn:
        """The error of a column that is not there."""
        return MissingColumn(
            f'mapping: {where}: {self.source.name} has no column "{name}"; {nearest(name, self.seen)}. '
            "Correct the name."
        )

    def telling(self, *notes: str) -> Rows:
        """The same rows with more notes."""
        return replace(self, notes=(*self.notes, *notes))

    def warning(self, *warnings: str) -> Rows:
        """The same rows with more warnings."""
        return replace(self, warnings=(*self.warnings, *warnings))

    def of(self, relation: str, columns: dict[str, str] | None = None) -> Rows:
        """The same columns, or others, over another relation."""
        kept = self.source.columns if columns is None else columns
        return replace(self, source=replace(self.source, relation=relation, columns=kept))

    def read(self, work: Workplace, wanted: Mapping[str, str]) -> dict[str, ColumnReading]:
        """How each wanted column is read, by the formats that the mapping states."""
        new = {name: kind for name, kind in wanted.items() if (name, kind) not in self.known}
        if new:
            formats = Formats(columns={name: self.formats[name] for name in new if name in self.formats})
            readings = read_columns(work.connection, self.source, new, formats)
            self.known.update({(name, new[name]): reading for name, reading in readings.items()})
        return {name: self.known[name, kind] for name, kind in wanted.items()}

    def forgetting(self, columns: Iterable[str]) -> Rows:
        """The same rows, of which some columns hold other values than when they were read."""
        gone = set(columns)
        return replace(self, known={key: reading for key, reading in self.known.items() if key[0] not in gone})


def over(own: Formats, base: Formats) -> Formats:
    """Formats of one column: its own where they are stated, else those below."""
    if (own.decimal, own.date, own.time_zone) == (None, None, None):
        return base
    return Formats(own.decimal or base.decimal, own.date or base.date, own.time_zone or base.time_zone)


def written(rows: Rows, work: Workplace, name: str) -> Rows:
    """The same rows, worked out once and kept in a file."""
    columns = ", ".join(identifier(part) for part in (ROW, *rows.source.columns))
    return rows.of(work.write(f"SELECT {columns} FROM {rows.source.relation}", name))


def only(rows: Rows, names: Iterable[str]) -> Rows:
    """The same rows with those columns alone that the names mean."""
    found = {rows.find(name) for name in names}
    columns = {name: kind for name, kind in rows.source.columns.items() if name in found}
    return rows.of(rows.source.relation, columns)


def names_in(text: str) -> list[str]:
    """Names that a column rule may mean: itself, or the columns of the expression that it is."""
    try:
        return [text, *column_names(parse_expression(text, ""))]
    except DataError:
        return [text]


@dataclass(frozen=True)
class Expressions:
    """Expressions over the columns of rows, whose columns were read as what their cells are."""

    rows: Rows
    readings: dict[str, ColumnReading]
    whole: frozenset[str]

    def sql(self, text: str, where: str, work: Workplace) -> str:
        """SQL of an expression over the rows.

        Raises
        ------
        DataError
            If a column is not there, or the types do not fit together.
        """
        sql = bind(parse_expression(text, where), lambda name, asked: self._value(name, asked, where))
        try:
            work.connection.execute(f"SELECT {sql} FROM {self.rows.source.relation} LIMIT 0")
        except duckdb.Error as error:
            names = [self.rows.column(name, where) for name in column_names(parse_expression(text, where))]
            kinds = ", ".join(f"{name} holds {_held(self.readings[name])}" for name in names)
            raise DataError(
                f"mapping: {where}: `{text}` cannot be worked out ({kinds or 'no column'}); the parts of an "
                "expression have to fit together. State how a column is written under formats, or convert it with "
                "CAST, replace or regexp_extract."
            ) from error
        return sql

    def unread(self, text: str, where: str) -> tuple[str, ...]:
        """Notes on columns of an expression that have cells which could not be read."""
        asked = asked_as(parse_expression(text, where)).items()
        names = [self.rows.find(name) for name, ways in asked if "value" in ways]
        parts = [(name, self.readings[name]) for name in names if name in self.readings]
        return tuple(
            f"{where}: {part.unread:,} of {part.cells:,} cells of {name} are not {_held(part)}, so that `{text}` "
            "has no value there"
            for name, part in parts
            if part.unread
        )

    def _value(self, name: str, asked: str, where: str) -> str:
        column = self.rows.column(name, where)
        reading = self.readings[column]
        cell = f"NULLIF(trim(CAST({identifier(column)} AS VARCHAR)), '')"
        if reading.kind == "nested":
            raise DataError(
                f"mapping: {where}: {column} of {self.rows.source.name} holds lists or structures; allowed are "
                "columns of single values. Take another column."
            )
        if asked == "text" or (asked == "compared" and reading.kind in ("number", "boolean", "empty")):
            return cell
        if reading.kind == "empty":
            return "NULL"
        return f"TRY_CAST({cell} AS BIGINT)" if column in self.whole else reading.value


def _held(reading: ColumnReading) -> str:
    words = {"number": "numbers", "time": "times", "boolean": "true and false", "empty": "nothing"}
    return words.get(reading.kind, "text")


def expressions(rows: Rows, texts: Mapping[str, str], work: Workplace) -> Expressions:
    """Read the columns of some expressions, each of them (``texts``: where it stands → text) checked.

    Raises
    ------
    DataError
        If an expression names a column that is not there.
    """
    wanted: dict[str, str] = {}
    for where, text in texts.items():
        for name, ways in asked_as(parse_expression(text, where)).items():
            column = rows.column(name, where)
            # What a column holds need not be found out where it is taken as the text that it is.
            wanted[column] = "text" if ways == {"text"} and wanted.get(column) != "open" else "open"
    readings = rows.read(work, wanted)
    return Expressions(rows, readings, _whole(rows, readings, work))


def _whole(rows: Rows, readings: Mapping[str, ColumnReading], work: Workplace) -> frozenset[str]:
    """Columns of numbers that are whole and written as such, so that ids among them stay exact."""
    numbers = [name for name, reading in readings.items() if reading.kind == "number" and not reading.how]
    if not numbers:
        return frozenset()
    cells = [f"trim(CAST({identifier(name)} AS VARCHAR))" for name in numbers]
    tests = ", ".join(
        f"count(*) FILTER ({readings[name].present} AND NOT regexp_full_match({cell}, '[+-]?[0-9]{{1,18}}'))"
        for name, cell in zip(numbers, cells, strict=True)
    )
    others = work.values(f"SELECT {tests} FROM {rows.source.relation}")
    return frozenset(name for name, count in zip(numbers, others, strict=True) if not count)
