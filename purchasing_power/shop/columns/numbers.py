"""Numbers as people and programs write them: separators, currency signs, percent signs, accounting negatives."""

from __future__ import annotations

from typing import NamedTuple

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
from purchasing_power.shop.reading.sql import literal

_WIDE = "０１２３４５６７８９．，－＋（）￥％−–—٫٬’"
_ASCII = "0123456789.,-+()¥%---.,'"
_BLANK = r"[\s\x{00A0}\x{2007}\x{2009}\x{202F}\x{3000}]"
_CODES = (
    "EUR USD GBP JPY CNY RMB INR BRL CHF SEK NOK DKK ISK PLN CZK HUF RON BGN UAH RUB TRY AUD CAD NZD HKD SGD TWD KRW "
    "MXN ARS CLP COP PEN ZAR NGN KES EGP MAD ILS AED SAR QAR KWD THB IDR MYR PHP VND PKR BDT LKR"
)
_WORDS = (
    r"(?:US|A|AU|C|CA|NZ|HK|S|NT|MX|R)?\$",
    "[€£¥₹₽₺₩₪₫₴฿₱₦]",
    r"kr\.?",
    "zł",
    "Kč",
    "Ft",
    "lei",
    r"руб\.?",
    r"р\.?",
)
_CURRENCY = "(?:" + "|".join((*_WORDS, r"Rs\.?", "Rp", r"SFr\.?|Fr\.", "[元円원]", *_CODES.split())) + ")"
_MARK = rf"(?:(?:{_CURRENCY}|%){_BLANK}*)?"
_TRAILING = r"\d(?:[^\d.,]|[.,]\d)*-[^\d]*$"
_NEGATIVE = rf"^[^\d]*[-(]|{_TRAILING}"


def _pattern(point: str, comma: str) -> str:
    """A cell with one number, whose decimal sign is ``point`` and whose thousands are parted by ``comma`` or blanks.

    The first group is the number alone; it stays below the largest float64.
    """
    groups = "|".join(rf"(?:{sign}\d{{3}}){{1,9}}" for sign in (comma, _BLANK, "'"))
    lakhs = rf"[1-9]\d?(?:{comma}\d\d){{1,9}}{comma}\d{{3}}"
    whole = rf"\d{{1,30}}|[1-9]\d{{0,2}}(?:{groups})|{lakhs}"
    number = rf"((?:(?:{whole})(?:{point}\d*)?|{point}\d+)(?:e[-+]?\d{{1,2}})?)"
    before = rf"{_BLANK}*{_MARK}\(?{_BLANK}*[-+]?{_BLANK}*{_MARK}[-+]?{_BLANK}*"
    return rf"(?i)^{before}{number}(?:[.,]-{{1,2}})?-?{_BLANK}*\)?{_BLANK}*{_MARK}-?\)?{_BLANK}*$"


_STYLES = {".": _pattern(r"\.", ","), ",": _pattern(",", r"\.")}
# Signs around the number of most cells with one; a pattern without groups and a translation read those much faster.
_SIGNS = "€$£¥₹"


def _usual(point: str, comma: str) -> str:
    """Most cells of a style: a number, at most one sign before or after it, and one blank between."""
    number = rf"(?:\d{{1,30}}|[1-9]\d{{0,2}}(?:{comma}\d{{3}}){{1,9}})(?:{point}\d+)?"
    return rf"(?:-?[{_SIGNS}]?[ \x{{00A0}}]?|[{_SIGNS}][ \x{{00A0}}]?-){number}(?:[ \x{{00A0}}]?[{_SIGNS}%])?"


_USUAL = {".": _usual(r"\.", ","), ",": _usual(",", r"\.")}
_GROUPED = rf"\d(?:[,']|{_BLANK})\d"
_HOW = {".": "numbers with thousands separators", ",": "numbers with a decimal comma"}


def read_number(column: Column) -> Way:
    """Numbers: plain ones by a cast alone, others by the decimal sign that fits the cells of the column."""
    if not column.is_text:
        return (yield from _typed(column))
    if column.formats.decimal != ",":
        counts = yield _plain_counts(column)
        if counts["filled"] == counts["read"] and not counts["underscored"]:
            return _plain(column, counts)
    counts = yield _written_counts(column)
    sign, notes = _decimal_sign(column, counts)
    unread = counts["present"] - counts[sign]
    notes += _mark_notes(column, counts)
    if unread:
        notes.append(column.note(f"{of_cells(unread, counts['present'])} hold no number and are missing"))
    special = counts["grouped"] if sign == "." else counts["present"]
    kind = "number" if counts["present"] else "empty"
    return ColumnReading(
        kind, _value(column, sign), holds(column.clean), _HOW[sign] if special else "",
        counts["present"], unread, tuple(notes),
    )  # fmt: skip


def _ascii(text: str) -> str:
    return f"translate({text}, {literal(_WIDE)}, {literal(_ASCII)})"


def _plain_value(cell: str) -> str:
    return f"TRY_CAST({cell} AS DOUBLE)"


def _plain_counts(column: Column) -> Asked:
    cell = column.cell
    asked = {
        "filled": count_if(f"{cell} <> ''"),
        "read": count_if(f"isfinite({_plain_value(cell)})"),
        # DuckDB reads 1_000 as a number.
        "underscored": count_if(f"contains({cell}, '_')"),
    }
    if column.head.get("pointed") and column.head["pointed"] == column.head["thousands"]:
        asked["pointed"] = count_if(f"contains({cell}, '.')")
        asked["thousands"] = count_if(rf"regexp_full_match({cell}, '[-+]?[1-9]\d{{0,2}}\.\d{{3}}')")
    return Asked(asked)


def _plain(column: Column, counts: Counts) -> ColumnReading:
    value = _plain_value(column.cell)
    notes: tuple[str, ...] = ()
    if counts.get("pointed") and counts["pointed"] == counts["thousands"] and not column.formats.decimal:
        cells = of_cells(counts["pointed"], counts["filled"])
        text = f"{cells} have a point, always before three digits; it is read as the decimal sign"
        notes = (column.note(f'{text}. Where it parts thousands, write decimal: "," into the mapping.'),)
    kind = "number" if counts["filled"] else "empty"
    return ColumnReading(kind, value, holds(value), cells=counts["filled"], notes=notes)


def _written_counts(column: Column) -> Asked:
    text, cell, point, comma = (column.alias(part) for part in ("text", "ascii", ".", ","))
    read = f"({point} IS NOT NULL OR {comma} IS NOT NULL)"
    marked, currency = column.alias("marked"), column.alias("currency")
    signed = literal(rf"^\s*\(|{_TRAILING}")
    counts = {
        "present": f"count({text})",
        ".": f"count({point})",
        ",": f"count({comma})",
        "both": count_if(f"{point} IS NOT NULL AND {comma} IS NOT NULL"),
        "grouped": count_if(f"{point} IS NOT NULL AND regexp_matches({cell}, {literal(_GROUPED)})"),
        "one_comma": count_if(rf"{read} AND regexp_matches({cell}, '^\D*[1-9]\d{{0,2}},\d{{3}}\D*$')"),
        "ungrouped": count_if(rf"{read} AND regexp_matches({cell}, '^\D*\d{{4,}}\D*$')"),
        "percent": count_if(f"{read} AND contains({marked}, '%')"),
        "accounting": count_if(f"{read} AND regexp_matches({marked}, {signed})"),
        "currencies": f"histogram({currency}) FILTER ({read} AND {currency} IS NOT NULL)",
    }
    given = {
        cell: _ascii(column.cell),
        text: column.clean,
        point: _value(column, "."),
        comma: _value(column, ","),
        marked: f"CASE WHEN NOT regexp_full_match({cell}, '[0-9.,]*') THEN {cell} END",
        currency: f"NULLIF(regexp_extract({marked}, {literal('(?i)' + _CURRENCY)}), '')",
    }
    return Asked(counts, given)


class _Votes(NamedTuple):
    """Cells that only one of the decimal signs reads."""

    point: int
    comma: int


def _decimal_sign(column: Column, counts: Counts) -> tuple[str, list[str]]:
    """The decimal sign that reads more cells; where cells do not decide, commas before three digits part thousands."""
    if column.formats.decimal:
        return column.formats.decimal, []
    votes = _Votes(counts["."] - counts["both"], counts[","] - counts["both"])
    if votes.point or votes.comma:
        if votes.comma <= votes.point:
            return ".", []
        return ",", [column.note(_HOW[","])]
    if not counts["one_comma"]:
        return ".", []
    cells = of_cells(counts["one_comma"], counts["present"])
    # Who parts thousands parts them in every number of four digits.
    sign = "," if counts["ungrouped"] else "."
    how, other = ("decimal comma", ".") if sign == "," else ("thousands separator", ",")
    text = f"{cells} have a comma, always before three digits; it is read as a {how}"
    return sign, [column.note(f'{text}. Where it is not, write decimal: "{other}" into the mapping.')]


def _mark_notes(column: Column, counts: Counts) -> list[str]:
    notes = []
    marks = sorted((counts["currencies"] or {}).items(), key=lambda mark: -mark[1])
    if marks:
        text = ", ".join(f"{mark} in {count:,}" for mark, count in marks)
        several = "several currencies, which are not converted: " if len({m.upper() for m, _ in marks}) > 1 else ""
        notes.append(column.note(f"{several}currency signs are left out ({text} cells)"))
    if counts["percent"]:
        notes.append(column.note(f"{counts['percent']:,} cells have a percent sign: 12.5 % is read as 12.5"))
    if counts["accounting"]:
        notes.append(
            column.note(f"{counts['accounting']:,} cells such as (12.50) or 12.50- are read as negative numbers")
        )
    return notes


def _value(column: Column, sign: str) -> str:
    cell = _ascii(column.cell)
    digits = f"regexp_extract({cell}, {literal(_STYLES[sign])}, 1)"
    others = literal(f"{_BLANK}|'" + ("|," if sign == "." else r"|\."))
    plain = f"regexp_replace({digits}, {others}, '', 'g')"
    plain = plain if sign == "." else f"replace({plain}, ',', '.')"
    negative = f"regexp_matches({cell}, {literal(_NEGATIVE)})"
    signed = f"CASE WHEN {negative} THEN -1 ELSE 1 END * TRY_CAST({plain} AS DOUBLE)"
    # To match is much faster than to extract what was matched.
    written = f"CASE WHEN regexp_matches({cell}, {literal(_STYLES[sign])}) THEN {signed} END"
    # What a translation has no second character for, it leaves out.
    signs = f"{_SIGNS}% \u00a0"
    moved = (f",{signs}", "") if sign == "." else (f",.{signs}", ".")
    usual = f"TRY_CAST(translate({column.cell}, {literal(moved[0])}, {literal(moved[1])}) AS DOUBLE)"
    usually = f"regexp_full_match({column.cell}, {literal(_USUAL[sign])})"
    if sign == ",":
        return f"CASE WHEN {usually} THEN {usual} ELSE {written} END"
    written = f"CASE WHEN {usually} THEN {usual} ELSE {written} END"
    fast = _plain_value(column.cell)
    return f"CASE WHEN isfinite({fast}) AND NOT contains({column.cell}, '_') THEN {fast} ELSE {written} END"


def _typed(column: Column) -> Way:
    """Numbers of a numeric type as they are; NaN is missing, infinite values cannot be read."""
    cell = column.cell
    if column.is_of((*NUMERIC, "BOOLEAN")):
        number = f"CAST({cell} AS DOUBLE)"
        floating = column.is_of(("FLOAT", "DOUBLE"))
        value = f"CASE WHEN isfinite({cell}) THEN {number} END" if floating else number
        present = f"({cell} IS NOT NULL AND NOT isnan({cell}))" if floating else f"({cell} IS NOT NULL)"
    else:
        value, present = "CAST(NULL AS DOUBLE)", f"({cell} IS NOT NULL)"
    counts = yield Asked({"present": count_if(present), "read": f"count({value})"})
    unread = counts["present"] - counts["read"]
    what = "are infinite" if column.is_of(NUMERIC) else f"are of type {column.dtype}, no numbers,"
    notes = (column.note(f"{of_cells(unread, counts['present'])} {what} and are missing"),) if unread else ()
    kind = "number" if counts["present"] else "empty"
    return ColumnReading(kind, value, present, "", counts["present"], unread, notes)
