"""Sheets of a workbook, staged to Parquet as text: numbers and days in one plain form."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetVisibleEnum

from purchasing_power.errors import DataError
from purchasing_power.shop.reading.dialect import check_header, has_header
from purchasing_power.shop.reading.names import distinct_names
from purchasing_power.shop.reading.staged import ReadOptions, Staged, columns_relation, free_path, write_columns

_ROWS = 50_000
_LOOKED_AT = 100
# Whole numbers up to here are exact in a cell.
_EXACT = 2.0**53
Row = list[str | None]


def read_workbook(path: Path, scratch: Path, options: ReadOptions) -> Staged:
    """One sheet, or several with one header whose rows follow one another, as Parquet in ``scratch``.

    A number is text without an exponent or a trailing zero where it is whole, a day is written as in ISO 8601, an
    error of a formula is a missing cell; blank rows are skipped.

    Raises
    ------
    DataError
        If the workbook cannot be read, or it has several sheets with data and none is named.
    """
    try:
        workbook = CalamineWorkbook.from_path(str(path))
        sheets = _sheets(workbook, path.name, options.sheet)
        return _stage(sheets, path, scratch, options)
    except CalamineError as error:
        raise DataError(
            f"{path.name}: is no readable workbook ({type(error).__name__}: {error}); .xlsx, .xlsb, .xls and .ods "
            "without a password are read. Save it anew, or as CSV; a text file needs the ending .csv."
        ) from error


def sheet_names(path: Path) -> list[str]:
    """Names of the visible sheets of a workbook that hold anything."""
    workbook = CalamineWorkbook.from_path(str(path))
    names = [sheet.name for sheet in workbook.sheets_metadata if sheet.visible == SheetVisibleEnum.Visible]
    return [name for name in names if workbook.get_sheet_by_name(name).end is not None]


def _sheets(workbook: CalamineWorkbook, file: str, wanted: str | None) -> list[CalamineSheet]:
    visible = [sheet.name for sheet in workbook.sheets_metadata if sheet.visible == SheetVisibleEnum.Visible]
    if wanted is not None and wanted != "*":
        by_name = {name.strip().casefold(): name for name in workbook.sheet_names}
        keys = [wanted.strip().casefold()]
        keys = keys if keys[0] in by_name else [name.strip().casefold() for name in wanted.split(",")]
        if missing := [key for key in keys if key not in by_name]:
            names = ", ".join(workbook.sheet_names)
            raise DataError(f"{file}: no sheet {missing[0]}; there are {names}. Correct it in the mapping file.")
        return [workbook.get_sheet_by_name(by_name[key]) for key in keys]
    sheets = [workbook.get_sheet_by_name(name) for name in visible]
    filled = [sheet for sheet in sheets if sheet.end is not None]
    if not filled:
        raise DataError(f"{file}: no sheet holds anything. Give a workbook with a header and rows.")
    if len(filled) > 1 and wanted is None:
        sizes = ", ".join(f"{sheet.name} ({sheet.total_height} rows)" for sheet in filled)
        raise DataError(
            f"{file}: {len(filled)} sheets hold data: {sizes}; a table is one sheet, or several with one header. Name "
            f"it in the mapping file: `read: {{{file}: {{sheet: {filled[0].name}}}}}`, 'A,B' for both, '*' for all."
        )
    return filled


def _stage(sheets: list[CalamineSheet], path: Path, scratch: Path, options: ReadOptions) -> Staged:
    header: list[str] = []
    parts: list[Iterator[Row]] = []
    for sheet in sheets:
        rows = _rows(sheet, options.skip_rows or 0)
        names = _header(rows, options, sheet.total_width)
        looked_at = list(islice(rows, _LOOKED_AT))
        if options.header is None:
            check_header(names, [[cell or "" for cell in row] for row in looked_at], path.name)
        if parts and [_key(name) for name in names] != [_key(name) for name in header]:
            raise DataError(
                f"{path.name}: sheets {sheets[0].name} ({len(header)} columns) and {sheet.name} ({len(names)} columns) "
                "have other headers; sheets are read together where they have one. Name the sheet of this table."
            )
        header = header or names
        parts.append(chain(looked_at, rows))
    names_, notes = distinct_names(header, path.name)
    target = free_path(scratch, path.name, ".parquet")
    rows = islice(chain.from_iterable(parts), options.rows)
    held = write_columns(_batches(rows, len(header)), target, len(header))
    kept = [place for place, count in enumerate(held) if count or header[place].strip()]
    part = f"sheet{'s' if len(sheets) > 1 else ''} {', '.join(sheet.name for sheet in sheets)}"
    total = pq.read_metadata(target).num_rows
    relation = columns_relation(target, [(place, names_[place]) for place in kept])
    return Staged(relation, tuple(names_[place] for place in kept), total, notes=notes, part=part)


def _key(name: str) -> str:
    return name.strip().casefold()


def _rows(sheet: CalamineSheet, skipped: int) -> Iterator[Row]:
    """Rows of a sheet as text, those without any value left out."""
    texts = ([_text(cell) for cell in row] for row in islice(sheet.iter_rows(), skipped, None))
    return (row for row in texts if any(cell is not None for cell in row))


def _header(rows: Iterator[Row], options: ReadOptions, width: int) -> list[str]:
    if has_header(options):
        return [cell or "" for cell in next(rows, [])]
    if isinstance(options.header, tuple):
        return [*options.header, *[""] * (width - len(options.header))]
    return [f"column_{place + 1}" for place in range(width)]


def _batches(rows: Iterator[Row], width: int) -> Iterator[tuple[np.ndarray, list[pa.Array]]]:
    first = 1
    while part := list(islice(rows, _ROWS)):
        columns = [pa.array([row[place] for row in part], pa.string()) for place in range(width)]
        yield np.arange(first, first + len(part)), columns
        first += len(part)


def _text(cell: Any) -> str | None:
    if isinstance(cell, str):
        return cell or None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < _EXACT else repr(cell)
    if isinstance(cell, datetime):
        return cell.isoformat(" ")
    return cell.isoformat() if isinstance(cell, date) else str(cell)
