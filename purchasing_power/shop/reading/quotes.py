"""Quotes that do not close: rows that a parser took into one field are found, not lost."""

from __future__ import annotations

import csv
import mmap
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from purchasing_power.errors import DataError
from purchasing_power.shop.reading.dialect import Dialect, Format

_TAIL = 1 << 12


class UnclosedQuote(DataError):
    """A quote that does not close; ``quoted_fields`` says how many fields of the file's beginning quotes enclose."""

    def __init__(self, message: str, quoted_fields: int) -> None:
        super().__init__(message)
        self.quoted_fields = quoted_fields


def refuse_swallowed_rows(
    batch: pa.RecordBatch, numbers: np.ndarray, dialect: Dialect, file: str, body: Path, start: int
) -> int:
    """Raise where a value goes over whole rows and stands in no pair of quotes.

    Parameters
    ----------
    body, start
        The text and a byte in it before which none of the batch's rows stands.

    Returns
    -------
    int
        Such a byte for the next batch.

    Raises
    ------
    DataError
        With the number of the first such row.
    """
    chosen, found = dialect.format, start
    if not chosen.quote or batch.num_columns < 3:
        return start
    like_a_row = _like_a_row(chosen, batch.num_columns)
    for column in batch.columns:
        if not _has_line_break(column):
            continue
        for place in np.flatnonzero(pc.match_substring(column, "\n").fill_null(False).to_numpy(zero_copy_only=False)):
            value = column[int(place)].as_py()
            # Quotes that a parser read in pairs are even; an odd one may still have been written doubled.
            if value.count(chosen.quote) % 2 and like_a_row.search(value):
                at = _find_quoted(body, value, chosen, start)
                if at < 0:
                    raise _not_closed(file, int(numbers[place]), dialect, "whole rows")
                found = max(found, at)
    return found


def _find_quoted(body: Path, value: str, chosen: Format, start: int) -> int:
    """Byte of a text, from a start, where a value stands in quotes as a writer writes it; -1 for none."""
    written = [value.replace(chosen.quote, chosen.quote * 2)]
    written += [value.replace(chosen.quote, chosen.escape + chosen.quote)] if chosen.escape else []
    with body.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return max(data.find(f"{chosen.quote}{text}{chosen.quote}".encode(), start) for text in written)


def refuse_unclosed_end(
    body: Path, last: tuple[int, str], last_ragged: tuple[int, str], dialect: Dialect, file: str
) -> None:
    """Raise where the last field of a text opens with a quote, goes over lines and does not close.

    Parameters
    ----------
    last, last_ragged
        Number of the last row, with its last value; number of the last ragged row, with its text.

    Raises
    ------
    DataError
        With the number of the row.
    """
    chosen = dialect.format
    if not chosen.quote:
        return
    number, text = max(last, last_ragged)
    if "\n" not in text:
        return
    if number == last_ragged[0]:
        unclosed = not _closes(text, chosen)
    else:
        with body.open("rb") as handle:
            handle.seek(max(body.stat().st_size - _TAIL, 0))
            unclosed = not handle.read().rstrip(b" \r\n").endswith(chosen.quote.encode())
    if unclosed:
        raise _not_closed(file, number, dialect, "the rest of the file")


def _closes(text: str, chosen: Format) -> bool:
    options = {"delimiter": chosen.delimiter, "quotechar": chosen.quote, "escapechar": chosen.escape or None}
    try:
        list(csv.reader(text.splitlines(keepends=True), strict=True, **options))  # type: ignore[arg-type]
    except csv.Error:
        return False
    return True


def _has_line_break(column: pa.StringArray) -> bool:
    data = column.buffers()[2]
    return data is not None and bool((np.frombuffer(data, dtype=np.uint8) == 10).any())


def _like_a_row(chosen: Format, width: int) -> re.Pattern[str]:
    delimiter = re.escape(chosen.delimiter)
    field = rf"[^{delimiter}\r\n]*"
    return re.compile(rf"\n(?:{field}{delimiter}){{{width - 1}}}{field}\r?(?:\n|$)")


def _not_closed(file: str, row: int, dialect: Dialect, swallowed: str) -> UnclosedQuote:
    return UnclosedQuote(
        f"{file}: row {row} opens a field with {dialect.format.quote} that does not close in it; the field would hold "
        f"{swallowed}. Close the quote (a quote within a field is doubled), or say in the mapping file that quotes "
        f"are text: `read: {{{file}: {{quote: ''}}}}`.",
        dialect.quoted_fields,
    )
