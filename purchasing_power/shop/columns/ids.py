"""Ids and plain text: trimmed, blank as missing; ids after one rule for every table and format."""

from __future__ import annotations

from collections.abc import Generator

from purchasing_power.shop.columns.cells import (
    EXACT,
    FLOATS,
    Asked,
    Column,
    ColumnReading,
    Counts,
    Way,
    count_if,
    holds,
    of_cells,
)

_POINTED_NUMBER = r"'[+-]?\d+\.0+'"
_WHOLE_NUMBER = r"'[+-]?\d+(\.0+)?'"
_SCIENTIFIC = r"'\d(\.\d+)?[eE]\+\d+'"
_POINTED = "whole numbers with a decimal point, read without it"
# Ids that need no further look: without blanks at the ends, and without both upper and lower case.
ID_FORMS = {"digits": "[0-9]+", "pointed": r"[0-9]+\.0+", "lower": "[0-9a-z_-]+", "upper": "[0-9A-Z_-]+"}


def read_text(column: Column) -> Way:
    """Text without blanks at its ends; blank cells are missing."""
    if not column.is_text:
        return (yield from _typed(column, "text"))
    counts = yield Asked({"filled": count_if(f"{column.cell} <> ''"), "blank_ended": _blank_ended(column)})
    value = column.trimmed if counts["blank_ended"] else f"NULLIF({column.cell}, '')"
    if counts["blank_ended"]:
        counts = yield Asked({"filled": f"count({value})"})
    return ColumnReading("text" if counts["filled"] else "empty", value, holds(value), cells=counts["filled"])


def read_id(column: Column) -> Way:
    """Ids: trimmed, case and leading zeros kept, whole numbers without a decimal point."""
    if not column.is_text:
        return (yield from _typed(column, "id"))
    cell = column.cell
    name = next((name for name in ID_FORMS if column.head["filled"] and column.head[name] == column.head["filled"]), "")
    if name:
        fits = count_if(f"regexp_full_match({cell}, '{ID_FORMS[name]}')")
        counts = yield Asked({"filled": count_if(f"{cell} <> ''"), "fits": fits})
        if counts["filled"] == counts["fits"]:
            return _uniform(column, name, counts)
    counts = yield Asked(_id_counts(column))
    value = column.trimmed if counts["blank_ended"] else f"NULLIF({cell}, '')"
    notes: list[str] = []
    if counts["pointed"]:
        more = yield Asked({"whole": count_if(f"regexp_full_match({value}, {_WHOLE_NUMBER})")})
        if more["whole"] == counts["filled"]:
            value = rf"regexp_replace({value}, '\.0+$', '')"
            notes.append(column.note(_POINTED))
    notes += (yield from _case_notes(column, value, counts)) + _scientific_notes(column, counts)
    kind = "id" if counts["filled"] else "empty"
    return ColumnReading(kind, value, holds(value), cells=counts["filled"], notes=tuple(notes))


def _uniform(column: Column, name: str, counts: Counts) -> ColumnReading:
    """Ids that are all of one of the forms."""
    pointed = name == "pointed"
    text = f"split_part({column.cell}, '.', 1)" if pointed else column.cell
    value = f"NULLIF({text}, '')"
    notes = (column.note(_POINTED),) if pointed else ()
    return ColumnReading("id", value, holds(value), cells=counts["filled"], notes=notes)


def _id_counts(column: Column) -> dict[str, str]:
    text, cell = column.trimmed, column.cell
    return {
        "filled": f"count({text})",
        "blank_ended": _blank_ended(column),
        "pointed": count_if(f"CASE WHEN contains({cell}, '.0') THEN regexp_full_match({text}, {_POINTED_NUMBER}) END"),
        "scientific": count_if(f"CASE WHEN contains({cell}, '+') THEN regexp_full_match({text}, {_SCIENTIFIC}) END"),
        "upper": count_if(f"{cell} <> lower({cell})"),
        "lower": count_if(f"{cell} <> upper({cell})"),
    }


def _blank_ended(column: Column) -> str:
    cell = column.cell
    return count_if(f"{cell} < '!' AND {cell} <> '' OR right({cell}, 1) < '!' OR trim({cell}) <> {cell}")


def _case_notes(column: Column, value: str, counts: Counts) -> Generator[Asked, Counts, list[str]]:
    """Count ids that are one but for upper and lower case, where a column has both."""
    if not (counts["upper"] and counts["lower"]):
        return []
    more = yield Asked({"exact": f"count(DISTINCT {value})", "folded": f"count(DISTINCT lower({value}))"})
    clashes = more["exact"] - more["folded"]
    if not clashes:
        return []
    return [column.note(f"{clashes:,} of {more['exact']:,} ids differ from another one only in case; they stay apart")]


def _scientific_notes(column: Column, counts: Counts) -> list[str]:
    if not counts["scientific"]:
        return []
    cells = of_cells(counts["scientific"], counts["filled"])
    return [
        column.note(
            f"{cells} are written as 1.23457E+11, as spreadsheets show long numbers: digits are lost and different "
            "ids become one. Export the column anew as text."
        )
    ]


def _typed(column: Column, kind: str) -> Way:
    cell = column.cell
    if column.is_of((*FLOATS, "DECIMAL")):
        return (yield from _fractions(column, kind))
    if column.is_of(("BLOB",)):
        counts = yield Asked({"filled": f"count({cell})", "decoded": f"count(TRY(decode({cell})))"})
        text = counts["filled"] == counts["decoded"]
        value = f"NULLIF(trim(decode({cell})), '')" if text else f"lower(hex({cell}))"
    else:
        counts = yield Asked({"filled": f"count({cell})"})
        value = f"CAST({cell} AS VARCHAR)"
    return ColumnReading(kind if counts["filled"] else "empty", value, holds(value), cells=counts["filled"])


def _fractions(column: Column, kind: str) -> Way:
    """Floats and decimals: without a decimal point where all are whole; NaN is missing."""
    cell = column.cell
    number = cell if column.is_of(("DECIMAL",)) else f"CASE WHEN NOT isnan({cell}) THEN {cell} END"
    whole = f"TRY_CAST({number} AS HUGEINT)"
    counts = yield Asked(
        {"filled": f"count({number})", "whole": count_if(f"{whole} = {number}"), "largest": f"max(abs({whole}))"}
    )
    value = f"CAST({number} AS VARCHAR)"
    notes: tuple[str, ...] = ()
    if counts["whole"] == counts["filled"]:
        value = f"CAST({whole} AS VARCHAR)"
        if not column.is_of(("DECIMAL",)) and (counts["largest"] or 0) >= EXACT:
            text = "floating-point numbers above 2^53, whose last digits may be lost: different ids may have become one"
            notes = (column.note(f"{text}. Export the column anew as whole numbers or text."),)
    kind = kind if counts["filled"] else "empty"
    return ColumnReading(kind, value, holds(value), cells=counts["filled"], notes=notes)
