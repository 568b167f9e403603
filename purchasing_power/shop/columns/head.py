"""The first rows of a source: what they look like decides what is tried first, never the outcome."""

from __future__ import annotations

import duckdb

from purchasing_power.shop.columns.booleans import is_word
from purchasing_power.shop.columns.cells import Column, Counts, count_if
from purchasing_power.shop.columns.ids import ID_FORMS
from purchasing_power.shop.columns.times import iso_cast
from purchasing_power.shop.reading.source import Source
from purchasing_power.shop.reading.sql import identifier

_ROWS = 2_000


def head_counts(connection: duckdb.DuckDBPyConnection, source: Source, columns: list[Column]) -> dict[str, Counts]:
    """Counts over the first rows of the columns of text, by column and name."""
    columns = [column for column in columns if column.is_text]
    asked = {(column.name, name): sql for column in columns for name, sql in _asked(column).items()}
    if not asked:
        return {}
    texts = ", ".join(f"{column.clean} AS {column.alias('text')}" for column in columns)
    names = ", ".join(identifier(column.name) for column in columns)
    rows = f"(SELECT {texts} FROM (SELECT {names} FROM {source.relation} LIMIT {_ROWS}))"
    found = connection.execute(f"SELECT {', '.join(asked.values())} FROM {rows}").fetchone() or ()
    counts: dict[str, Counts] = {}
    for (column, name), value in zip(asked, found, strict=True):
        counts.setdefault(column, {})[name] = value
    return counts


def _asked(column: Column) -> dict[str, str]:
    text = column.alias("text")
    asked = {"filled": f"count({text})"}
    if column.wanted == "id":
        asked |= {name: count_if(f"regexp_full_match({text}, '{form}')") for name, form in ID_FORMS.items()}
    if column.wanted in ("number", "open"):
        thousands = count_if(rf"regexp_full_match({text}, '[-+]?[1-9]\d{{0,2}}\.\d{{3}}')")
        asked |= {"pointed": count_if(f"contains({text}, '.')"), "thousands": thousands}
    if column.wanted in ("time", "open"):
        asked["iso"] = f"count({iso_cast(text)})"
    if column.wanted == "open":
        looks = rf"regexp_matches({text}, '\d[-/. ,年](?:\d|[A-Za-z]{{3}})|[A-Za-z]{{3}} \d')"
        asked |= {
            "number": f"count(TRY_CAST({text} AS DOUBLE))",
            "written": count_if(rf"regexp_full_match({text}, '\D{{0,6}}\d[\d.,'' ]*\D{{0,6}}')"),
            "time": count_if(f"({looks}) AND TRY_CAST({text} AS DOUBLE) IS NULL"),
            "words": count_if(is_word(text)),
        }
    return asked
