"""How columns of a source are read: their kinds, and the SQL that gives their values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import zip_longest

import duckdb

from purchasing_power.errors import DataError
from purchasing_power.shop.columns.cells import Asked, Column, ColumnReading, Counts, Way
from purchasing_power.shop.columns.formats import Formats
from purchasing_power.shop.columns.head import head_counts
from purchasing_power.shop.columns.ids import read_id, read_text
from purchasing_power.shop.columns.numbers import read_number
from purchasing_power.shop.columns.times import read_time
from purchasing_power.shop.columns.unnamed import read_open
from purchasing_power.shop.reading.source import Source
from purchasing_power.shop.reading.sql import identifier

__all__ = ["ColumnReading", "Formats", "read_columns"]

_WAYS = {"number": read_number, "time": read_time, "id": read_id, "text": read_text, "open": read_open}
NO_FORMATS = Formats()


def read_columns(
    connection: duckdb.DuckDBPyConnection, source: Source, wanted: Mapping[str, str], formats: Formats = NO_FORMATS
) -> dict[str, ColumnReading]:
    """How each wanted column of a source is read.

    Where all cells of all columns are plain, the rows are scanned once; columns with other cells are scanned again,
    all of them together.

    Parameters
    ----------
    wanted
        Column of the source → ``number``, ``time``, ``id``, ``text`` or ``open`` (its kind is found from its cells).
    formats
        What is known of how cells are written; it is obeyed instead of the guess.

    Raises
    ------
    DataError
        If a column of ``wanted`` or ``formats`` is not in the source, or a format of dates is none.
    """
    _refuse_unknown(source, wanted, formats)
    columns = [Column(name, source.columns[name], kind, formats.of(name)) for name, kind in wanted.items()]
    _refuse_formats(connection, columns)
    head = head_counts(connection, source, columns)
    ways = {column.name: _way(replace(column, head=head.get(column.name, {}))) for column in columns}
    readings = _answer(connection, source, ways)
    return {name: readings[name] for name in wanted}


def _way(column: Column) -> Way:
    return _nested(column) if column.is_nested else _WAYS[column.wanted](column)


def _answer(connection: duckdb.DuckDBPyConnection, source: Source, ways: dict[str, Way]) -> dict[str, ColumnReading]:
    """Let all ways ask together, one scan for the questions of all, until each has its reading."""
    readings: dict[str, ColumnReading] = {}
    answers: dict[str, Counts | None] = dict.fromkeys(ways)
    while answers:
        asked: dict[str, Asked] = {}
        for name, answer in answers.items():
            try:
                asked[name] = next(ways[name]) if answer is None else ways[name].send(answer)
            except StopIteration as stop:
                readings[name] = stop.value
        answers = dict(_scan(connection, source, asked))
    return readings


def _scan(connection: duckdb.DuckDBPyConnection, source: Source, asked: dict[str, Asked]) -> dict[str, Counts]:
    """Ask all questions of one scan; expressions that several aggregates use are worked out once."""
    counts = list(dict.fromkeys(sql for question in asked.values() for sql in question.counts.values()))
    if not counts:
        return {}
    rows = source.relation
    for level in zip_longest(*(question.given.items() for question in asked.values())):
        given = ", ".join(f"{part[1]} AS {part[0]}" for part in level if part)
        rows = f"(SELECT *, {given} FROM {rows})"
    row = connection.execute(f"SELECT {', '.join(counts)} FROM {rows}").fetchone() or ()
    values = dict(zip(counts, row, strict=True))
    return {column: {name: values[sql] for name, sql in question.counts.items()} for column, question in asked.items()}


def _nested(column: Column) -> Way:
    cell = identifier(column.name)
    counts = yield Asked({"cells": f"count({cell})"})
    note = column.note("holds lists or structures: left out")
    return ColumnReading("nested", "NULL", f"({cell} IS NOT NULL)", cells=counts["cells"], notes=(note,))


def _refuse_unknown(source: Source, wanted: Mapping[str, str], formats: Formats) -> None:
    for column in [*wanted, *formats.columns]:
        if column not in source.columns:
            got = ", ".join(source.columns)
            raise DataError(f"{source.name}: there is no column {column} (got: {got}). Correct the mapping.")


def _refuse_formats(connection: duckdb.DuckDBPyConnection, columns: list[Column]) -> None:
    for column in columns:
        form = column.formats.date
        if form is None or "%" not in form:
            continue
        try:
            connection.execute("SELECT try_strptime('', CAST(? AS VARCHAR))", [form]).fetchone()
        except duckdb.Error as error:
            raise DataError(
                f"date of {column.name} is {form!r}, which is no format; allowed are strptime formats such as "
                "'%d/%m/%Y %H:%M'. Correct the mapping."
            ) from error
