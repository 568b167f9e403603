"""Times as people and programs write them, as UTC: ISO 8601, days and months in any order, names, Unix times."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any

from purchasing_power.shop.columns.cells import (
    NUMERIC,
    Asked,
    Column,
    ColumnReading,
    Counts,
    Way,
    count_if,
    holds,
    of_cells,
)
from purchasing_power.shop.columns.shapes import ORDERS, Form, example, form_of
from purchasing_power.shop.reading.sql import literal

# Microseconds in one unit of a Unix time.
UNITS = {"seconds": 1e6, "milliseconds": 1e3, "microseconds": 1.0, "nanoseconds": 1e-3}
_FIRST, _LAST = (datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1e6 for year in (1990, 2100))
_MOST_SHAPES = 200
_LONGEST = 60
# TIMESTAMP takes an offset or a zone's name for an ornament and drops it; such cells are read with their zone.
# The two lengths at the front are those of 2024-12-31 and 2024-12-31 14:05:09.
_ZONE_MARK = (
    "CASE WHEN strlen({0}) = 10 OR (strlen({0}) = 19 AND {0}[17] = ':') THEN false "
    "ELSE contains({0}, '+') OR {0} LIKE '%:%-%' OR right({0}, 1) > '9' END"
)
_EARLIEST = "TIMESTAMP '1000-01-01'"
_NO_TIME = "CAST(NULL AS TIMESTAMP)"


def read_time(column: Column) -> Way:
    """Times as TIMESTAMP in UTC: ISO 8601 by a cast alone, others by the formats that fit the cells of the column."""
    told = column.formats.date
    if not column.is_text:
        return (yield from (_numeric(column) if column.is_of(NUMERIC) else _typed(column)))
    if told is None and not (column.head.get("filled") and not column.head.get("iso")):
        counts = yield _plain_counts(column)
        if counts["filled"] == counts["read"] and not counts["zoned"]:
            value = _local(column, _cast(column.cell))
            how = f"times of {column.formats.time_zone}" if _zone(column) else ""
            kind = "time" if counts["filled"] else "empty"
            return ColumnReading(kind, value, holds(value), how, counts["filled"])
    if told is not None and told not in ORDERS:
        return (yield from _told(column, told))
    return (yield from _written(column))


def iso_cast(text: str) -> str:
    """A text as a time without zone, as SQL; NULL outside of the years 1000 to 9999."""
    return f"CASE WHEN {_in_range(_cast(text))} THEN {_cast(text)} END"


def _cast(text: str) -> str:
    return f"TRY_CAST({text} AS TIMESTAMP)"


def _in_range(time: str) -> str:
    return f"{time} BETWEEN TIMESTAMP '1000-01-01' AND TIMESTAMP '9999-12-31'"


def _zone(column: Column) -> str | None:
    zone = column.formats.time_zone
    return None if zone in (None, "UTC", "Etc/UTC") else zone


def _local(column: Column, time: str) -> str:
    """A time of the column's own zone as UTC."""
    zone = _zone(column)
    return time if zone is None else f"timezone('UTC', timezone({literal(zone)}, {time}))"


def _plain_counts(column: Column) -> Asked:
    cell = column.cell
    counts = {
        "filled": count_if(f"{cell} <> ''"),
        "read": count_if(_in_range(_cast(cell))),
        "zoned": count_if(_ZONE_MARK.format(cell)),
    }
    return Asked(counts)


def _result(column: Column, value: str, counts: Counts, read: int, how: str, notes: Iterable[str]) -> ColumnReading:
    """The reading of cells whose number and number read are known."""
    unread = counts["present"] - read
    all_notes = list(notes)
    if unread:
        all_notes.append(column.note(f"{of_cells(unread, counts['present'])} hold no time and are missing"))
    present = holds(value)
    if unread:
        present = holds(column.held)
    kind = "time" if counts["present"] else "empty"
    return ColumnReading(kind, value, present, how, counts["present"], unread, tuple(all_notes))


def _iso(column: Column, text: str) -> tuple[str, str]:
    """ISO 8601 times of a trimmed text as UTC: those without a zone, and those with one."""
    begins, marked = rf"regexp_matches({text}, '^[1-9]\d{{3}}[-/ ]\d[^(]*$')", _ZONE_MARK.format(text)
    naive = f"CASE WHEN {begins} AND NOT {marked} THEN {_local(column, _cast(text))} END"
    # DuckDB takes `+02:00`, not ` +0200`, `z` or a second name of the zone such as ` +0000 UTC`.
    joined = rf"regexp_replace({text}, '\s*([+-]\d\d:?\d\d)(\s+[A-Z]{{2,5}})?$', '\1')"
    zoned = f"timezone('UTC', TRY_CAST(regexp_replace({joined}, 'z$', 'Z') AS TIMESTAMPTZ))"
    return naive, f"CASE WHEN {begins} AND {marked} THEN {zoned} END"


def _forms(shapes: Iterable[str], order: str) -> dict[str, Form]:
    """The formats of those shapes that are times, with day and month in one order."""
    return {shape: form for shape in shapes if (form := form_of(shape, order)) is not None}


def _by_formats(column: Column, text: str, forms: Iterable[Form]) -> str:
    """Times that one of some formats reads, as UTC."""
    # A year of two digits first: `%Y` takes 24 for the year 24.
    distinct = sorted(dict.fromkeys(forms), key=lambda form: not form.two_digit_year)
    # strptime takes the words epoch and infinity in any format.
    dated = rf"CASE WHEN regexp_matches({text}, '\d') THEN {text} END"
    parts = []
    for zone in ("", "UTC", "offset"):
        formats = ", ".join(literal(form.format) for form in distinct if form.zone == zone)
        if formats:
            time = f"try_strptime({dated}, [{formats}])"
            parts.append(_local(column, time) if not zone else f"timezone('UTC', {time})" if zone == "offset" else time)
    # Earlier years are those of three digits.
    return f"NULLIF(GREATEST(COALESCE({', '.join([*parts, _NO_TIME])}), {_EARLIEST}), {_EARLIEST})"


def _written(column: Column) -> Way:
    """Times of text: ISO 8601, whole numbers, and the shapes that are left, with one order of day and month."""
    counts = yield _written_counts(column)
    text = column.trimmed
    shapes: dict[str, int] = dict(sorted((counts["shapes"] or {}).items(), key=lambda item: -item[1])[:_MOST_SHAPES])
    number = f"TRY_CAST({text} AS DOUBLE)"
    numbers, number_how = _number_time(column, number, counts) if counts["numeric"] else (_NO_TIME, "")
    order, notes = yield from _order(column, shapes)
    forms = _forms(shapes, order)
    parts = [part for part, name in zip(_iso(column, text), ("naive", "zoned"), strict=True) if counts[name]]
    parts += [numbers] if number_how else []
    parts += [_by_formats(column, text, forms.values())] if forms else []
    value = f"COALESCE({', '.join([*parts, _NO_TIME])})"
    more = yield Asked({"read": f"count({value})"})
    hows = _hows(shapes, forms, counts, number_how)
    if len(hows) > 1:
        several = ", ".join(f"{how} in {count:,} cells" for how, count in hows.items())
        notes.append(column.note(f"several formats: {several}"))
    if counts["naive"] and counts["zoned"]:
        zone = column.formats.time_zone or "UTC"
        notes.append(column.note(f"{counts['naive']:,} cells state no time zone and are read as {zone}"))
    return _result(column, value, counts, more["read"], next(iter(hows), ""), notes)


def _written_counts(column: Column) -> Asked:
    text, naive, zoned, number, shape = (column.alias(part) for part in ("text", "naive", "zoned", "number", "shape"))
    left = f"{naive} IS NULL AND {zoned} IS NULL AND {number} IS NULL AND length({text}) <= {_LONGEST}"
    counts = {
        "present": f"count({text})",
        "naive": f"count({naive})",
        "zoned": f"count({zoned})",
        "shapes": f"histogram({shape}) FILTER (contains({shape}, '9'))",
        **(_number_counts(number) if column.wanted == "time" else {"numeric": "0"}),
    }
    without_zone, with_zone = _iso(column, text)
    given = {
        text: column.clean,
        naive: without_zone,
        zoned: with_zone,
        number: f"TRY_CAST({text} AS DOUBLE)",
        shape: f"CASE WHEN {left} THEN regexp_replace({text}, '[0-9]', '9', 'g') END",
    }
    return Asked(counts, given)


def _hows(shapes: dict[str, int], forms: dict[str, Form], counts: Counts, number_how: str) -> dict[str, int]:
    """Ways in which cells of one column are written, in words, with their number, the most frequent first."""
    hows = {"ISO 8601": counts["naive"], "ISO 8601 with a time zone": counts["zoned"], number_how: counts["numeric"]}
    for shape, form in forms.items():
        how = f"as {example(form.format)}"
        hows[how] = hows.get(how, 0) + shapes[shape]
    hows.pop("", None)
    return dict(sorted(((how, count) for how, count in hows.items() if count), key=lambda item: -item[1]))


def _order(column: Column, shapes: dict[str, int]) -> Any:
    """The order of day and month that reads most cells; of two that read the same, the one with the shorter span."""
    told = column.formats.date
    if told in ORDERS:
        return told, []
    options = {order: _forms(shapes, order) for order in ORDERS}
    if all(options["day_first"].get(shape) == options["month_first"].get(shape) for shape in shapes):
        return "day_first", []
    text = column.alias("text")
    times = {order: _by_formats(column, text, forms.values()) for order, forms in options.items()}
    asked = {
        **{order: f"count({column.alias(order)})" for order in ORDERS},
        **{f"{order} days": _distinct(column.alias(order)) for order in ORDERS},
    }
    given = {column.alias(order): f"CAST({time} AS DATE)" for order, time in times.items()}
    counts = yield Asked(asked, {text: column.trimmed, **given})
    most = max(counts[order] for order in ORDERS)
    best = [order for order in ORDERS if counts[order] == most]
    spans = {order: _span(counts[f"{order} days"]) for order in best}
    order = min(best, key=lambda order: spans[order])
    if len({tuple(sorted(counts[f"{order} days"] or [])) for order in best}) < 2:
        return order, []
    fit = ", ".join(f"{name.replace('_', ' ')} ({spans[name][0]:,} days from first to last)" for name in best)
    other = next(name for name in best if name != order)
    text = f"dates fit in several orders: {fit}; read {order.replace('_', ' ')}. "
    text += f"Where it is not so, write date: {other} into the mapping."
    return order, [column.note(text)]


def _distinct(day: str) -> str:
    return f"list(DISTINCT {day}) FILTER ({day} IS NOT NULL)"


def _span(days: list[date] | None) -> tuple[int, int]:
    """Days from the first to the last, and the longest gap between two."""
    ordered = sorted(days or [])
    if len(ordered) < 2:
        return 0, 0
    gaps = [(later - earlier).days for earlier, later in pairwise(ordered)]
    return (ordered[-1] - ordered[0]).days, max(gaps)


def _compact(number: str) -> str:
    """Whole numbers such as 20230115 and 20230115123000 as times, as SQL."""
    digits = f"CAST(CAST({number} AS BIGINT) AS VARCHAR)"
    cases = " ".join(
        f"WHEN {number} BETWEEN 1900{low} AND 2100{high} THEN try_strptime({digits}, '{form}')"
        for low, high, form in [
            ("0101", "1231", "%Y%m%d"),
            ("01010000", "12312359", "%Y%m%d%H%M"),
            ("0101000000", "1231235959", "%Y%m%d%H%M%S"),
        ]
    )
    return f"CASE WHEN {number} <> floor({number}) THEN NULL {cases} END"


def _number_counts(number: str) -> dict[str, str]:
    finite = f"isfinite({number}) AND {number} <> 0"
    return {
        "numeric": count_if(finite),
        "low": f"min({number}) FILTER ({finite})",
        "high": f"max({number}) FILTER ({finite})",
        "compact": f"count({_compact(f'CASE WHEN {finite} THEN {number} END')})",
    }


def _number_time(column: Column, number: str, counts: Counts) -> tuple[str, str]:
    """How numbers of a column are read as times, and that in words; NULL and no words where they are none."""
    if counts["compact"] >= 0.95 * counts["numeric"]:
        return _local(column, _compact(number)), "whole numbers such as 20241231"
    for unit, factor in UNITS.items():
        if counts["low"] * factor >= _FIRST and counts["high"] * factor < _LAST:
            return _unix(number, factor), f"Unix {unit}"
    return _NO_TIME, ""


def _unix(number: str, factor: float) -> str:
    """Unix times as TIMESTAMP; 0 stands for no time."""
    micros = f"TRY_CAST(round({number} * {factor}) AS BIGINT)"
    return f"CASE WHEN isfinite({number}) AND {number} <> 0 THEN make_timestamp({micros}) END"


def _excel(number: str) -> str:
    """Serial days of spreadsheets, counted from 1899-12-30, as TIMESTAMP."""
    micros = f"TRY_CAST(round({number} * 86400000000) AS BIGINT)"
    return f"CASE WHEN {number} BETWEEN 1 AND 2958465 THEN TIMESTAMP '1899-12-30' + to_microseconds({micros}) END"


def _told(column: Column, told: str) -> Way:
    """Times in the format that the mapping states."""
    if "%" in told:
        text = column.clean if column.is_text else f"CAST({column.cell} AS VARCHAR)"
        time = f"try_strptime({text}, {literal(told)})"
        value = f"timezone('UTC', {time})" if "%z" in told.lower() else _local(column, time)
        how = f"as {example(told)}"
    else:
        value, how = _told_number(column, told)
    counts = yield Asked({"present": f"count({column.held})", "read": f"count({value})"})
    return _result(column, value, counts, counts["read"], how, [])


def _told_number(column: Column, told: str) -> tuple[str, str]:
    number = f"TRY_CAST({column.held} AS DOUBLE)"
    if told == "excel":
        return _local(column, _excel(number)), "serial days of a spreadsheet"
    unit = told.removeprefix("unix_")
    return _unix(number, UNITS[unit]), f"Unix {unit}"


def _numeric(column: Column) -> Way:
    """Numbers of a numeric type as times, where all of them are."""
    told = column.formats.date
    if told is not None and told not in ORDERS:
        return (yield from _told(column, told))
    number = f"CAST({column.held} AS DOUBLE)"
    counts = yield Asked({"present": f"count({column.held})", **_number_counts(number)})
    value, how = _number_time(column, number, counts) if counts["numeric"] else (_NO_TIME, "")
    more = yield Asked({"read": f"count({value})"})
    return _result(column, value, counts, more["read"], how, [])


def _typed(column: Column) -> Way:
    """Times of a time type keep their value; those without a zone are of the zone that the mapping states."""
    cell = column.cell
    if column.dtype == "TIMESTAMP WITH TIME ZONE":
        value = f"CASE WHEN isfinite({cell}) THEN timezone('UTC', {cell}) END"
    elif column.dtype == "DATE" or column.dtype.startswith("TIMESTAMP"):
        value = f"CASE WHEN isfinite({cell}) THEN {_local(column, f'CAST({cell} AS TIMESTAMP)')} END"
    else:
        value = _NO_TIME
    counts = yield Asked({"present": f"count({cell})", "read": f"count({value})"})
    return _result(column, value, counts, counts["read"], "", [])
