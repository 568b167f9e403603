"""Columns that no contract names: numbers, times, booleans or text, found from their cells."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from purchasing_power.shop.columns.booleans import read_boolean
from purchasing_power.shop.columns.cells import (
    EXACT,
    NUMERIC,
    WHOLE,
    Asked,
    Column,
    ColumnReading,
    Counts,
    Way,
    asking_also,
    count_if,
    holds,
)
from purchasing_power.shop.columns.ids import read_text
from purchasing_power.shop.columns.numbers import read_number
from purchasing_power.shop.columns.times import read_time

# The least share of cells that are of a kind, for a column of that kind.
_ALL_BUT_A_FEW = 0.95
# A column with fewer values has classes: at most one of them may be no value of the kind.
_CLASSES = 20
# Whole numbers, all of them in groups with blanks between: telephone numbers and the like.
_SPACED = r"'\d+([\s\p{Z}]\d{3})+'"
_CODE = r"'0\d.*'"
# What a cell with a number or a time in it can look like; anything else makes the column text at once.
_LOOKS = r"'[^A-Za-z0-9]{0,6}(?:[A-Za-z]{1,9}[^A-Za-z0-9]{0,2})?[0-9０-９][^A-Za-z]*(?:[A-Za-z]{1,9}[^A-Za-z]*){0,2}'"


def read_open(column: Column) -> Way:
    """Whatever the cells are: a number, time or boolean where all but a few are, else text."""
    if not column.is_text:
        return (yield from _typed(column))
    head = column.head
    half = head.get("filled", 0) / 2
    kinds = {
        "number": head.get("number", 0) > half or head.get("written", 0) > half,
        "time": head.get("time", 0) > half,
        "boolean": head.get("words", 0) > half,
    }
    if not any(kinds.values()):
        reading, looks = yield from _text(column)
        likely = bool(reading.cells) and looks >= _ALL_BUT_A_FEW * reading.cells
        kinds = {"number": likely, "time": likely, "boolean": not head.get("filled") and bool(reading.cells)}
    for kind, way in (("number", _number), ("time", _time), ("boolean", read_boolean)):
        if kinds[kind]:
            reading = yield from way(column)
            if reading.kind in (kind, "empty"):
                return reading
    reading, _ = yield from _text(column)
    return reading


def looks_filled(text: str) -> str:
    """Whether a text may hold a number or a time, as SQL."""
    return f"regexp_full_match({text}, {_LOOKS})"


def _text(column: Column) -> Generator[Asked, Counts, tuple[ColumnReading, int]]:
    """Text, its words for a missing value left out; and the number of cells that may hold a number or a time."""
    missing = f"count({column.cell}) - count({column.clean})"
    looks = count_if(looks_filled(column.cell))
    reading, counts = yield from asking_also(read_text(column), {"missing": missing, "looks": looks})
    if counts["missing"] and reading.cells:
        more = yield Asked({"present": f"count({column.clean})"})
        kind = "text" if more["present"] else "empty"
        reading = ColumnReading(kind, column.clean, holds(column.clean), cells=more["present"])
    return reading, counts["looks"]


def _number(column: Column) -> Way:
    """A number where all but a few cells are, and they are no codes."""
    cell, plain = column.cell, f"abs(TRY_CAST({column.cell} AS DOUBLE))"
    extra = {
        "coded": count_if(f"{cell} >= '00' AND {cell} < '0:'"),
        "indented": count_if(f"{cell} < '!' AND {cell} <> ''"),
        "largest": f"max({plain}) FILTER (isfinite({plain}))",
    }
    reading, counts = yield from asking_also(read_number(column), extra)
    if reading.kind == "empty" or reading.cells - reading.unread < _ALL_BUT_A_FEW * reading.cells:
        return replace(reading, kind="text" if reading.cells else "empty")
    if reading.unread or reading.how or counts["indented"]:
        text, odd = column.alias("text"), _odd_counts(column, reading)
        asked = {
            "coded": count_if(f"regexp_full_match({text}, {_CODE})"),
            "largest": f"max(abs({column.alias('value')}))",
            "spaced": count_if(f"regexp_full_match({text}, {_SPACED})"),
        }
        counts = yield replace(odd, counts=odd.counts | asked)
    if counts["coded"] or _too_odd(counts) or counts.get("spaced") == reading.cells:
        return replace(reading, kind="text")
    if (counts["largest"] or 0) >= EXACT:
        more = yield Asked({"whole": count_if(rf"regexp_full_match({column.trimmed}, '[+-]?\d+')")})
        if more["whole"] >= reading.cells - reading.unread:
            return replace(reading, kind="text")
    return reading


def _time(column: Column) -> Way:
    """A time where all but a few cells are."""
    reading = yield from read_time(column)
    if reading.cells - reading.unread < _ALL_BUT_A_FEW * reading.cells:
        return replace(reading, kind="text")
    if reading.unread:
        counts = yield _odd_counts(column, reading)
        if _too_odd(counts):
            return replace(reading, kind="text")
    return reading


def _odd_counts(column: Column, reading: ColumnReading) -> Asked:
    """Distinct cells and distinct unread cells, exact as far as they matter, in bounded memory."""
    text, value = column.alias("text"), column.alias("value")
    place = f"hash({text}) % 65536"
    counts = {
        "distinct": f"count(DISTINCT {place}) FILTER ({text} IS NOT NULL)",
        "odd": f"count(DISTINCT {place}) FILTER ({text} IS NOT NULL AND {value} IS NULL)",
    }
    return Asked(counts, {text: column.clean, value: reading.value})


def _too_odd(counts: Counts) -> bool:
    return counts.get("odd", 0) > 1 and counts["distinct"] < _CLASSES


def _typed(column: Column) -> Way:
    """Columns whose type is stated keep it; whole numbers that a float64 cannot hold are codes."""
    if column.is_of(("BOOLEAN",)):
        reading = yield from read_number(column)
        return replace(reading, kind="boolean" if reading.cells else "empty")
    if column.dtype == "DATE" or column.dtype.startswith("TIMESTAMP"):
        return (yield from read_time(column))
    if not column.is_of(NUMERIC):
        return (yield from read_text(column))
    reading = yield from read_number(column)
    if column.is_of(WHOLE) or column.dtype.endswith(",0)"):
        counts = yield Asked({"largest": f"max(abs({reading.value}))"})
        if (counts["largest"] or 0) >= EXACT:
            return (yield from read_text(column))
    return reading
