"""Delimited text, staged to Parquet with every value as it was written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from purchasing_power.errors import DataError
from purchasing_power.shop.reading.dialect import (
    DELIMITERS,
    NO_DELIMITER,
    Dialect,
    Format,
    begins_a_table,
    find_dialect,
)
from purchasing_power.shop.reading.names import distinct_names
from purchasing_power.shop.reading.plain_text import PlainText, as_plain_text
from purchasing_power.shop.reading.quotes import UnclosedQuote, refuse_swallowed_rows, refuse_unclosed_end
from purchasing_power.shop.reading.ragged import MOST, RaggedRows
from purchasing_power.shop.reading.staged import ReadOptions, Staged, columns_relation, free_path, write_columns

_HEAD = 1 << 18
_CHUNK = 1 << 22
# A row that is longer than a block stops the parser, which then begins anew with larger ones.
_BLOCKS = (1 << 22, 1 << 26, 1 << 29)
_SPELLED = {"tab": "\t", "\\t": "\t", "blank": " ", "blanks": " "}
Batches = Iterator[tuple[np.ndarray, list[pa.Array]]]


def read_delimited(path: Path, scratch: Path, options: ReadOptions) -> Staged:
    """Delimited text as Parquet in ``scratch``, all values text; an empty field is NULL, a blank line no row.

    Raises
    ------
    DataError
        If the header cannot be used, or over a third of the rows have another number of fields.
    """
    try:
        return _read(path, scratch, options)
    except UnclosedQuote as error:
        if options.quote is not None or error.quoted_fields:
            raise
        return _read(path, scratch, replace(options, quote=""))


def _read(path: Path, scratch: Path, options: ReadOptions) -> Staged:
    with TemporaryDirectory(dir=scratch) as drafts:
        text = as_plain_text(path, Path(drafts), options.encoding)
        text, options = _one_character(text, path.name, options, Path(drafts))
        head = text.head(_HEAD)
        dialect = find_dialect(head, path.name, options, text.path.stat().st_size <= _HEAD + text.mark)
        names, notes = distinct_names(dialect.names, path.name)
        body, start = text.path, text.mark + len(head[: dialect.start].encode())
        if dialect.format.delimiter == " " or dialect.format.padded:
            body, start = _without_blanks(body, start, dialect.format, Path(drafts)), 0
        target = free_path(scratch, path.name, ".parquet")
        held, ragged = _stage(path.name, body, start, dialect, target, options)
    kept = [place for place, count in enumerate(held) if count or dialect.names[place].strip()]
    if len(kept) < len(held):
        notes += (f"fields without a name and without any value were left out ({len(held) - len(kept)})",)
    found = ", ".join((*text.found, *dialect.found))
    return Staged(
        relation=columns_relation(target, [(place, names[place]) for place in kept]),
        names=tuple(names[place] for place in kept),
        rows=ragged.passed + ragged.count,
        notes=(*((found,) if found else ()), *text.notes, *notes),
        ragged=ragged.relation,
    )


def _stage(
    name: str, body: Path, start: int, dialect: Dialect, target: Path, options: ReadOptions
) -> tuple[list[int], RaggedRows]:
    for block in _BLOCKS:
        ragged = RaggedRows(target.with_suffix(".ragged.parquet"), options.rows)
        batches = _batches(body, start, dialect, ragged, block)
        try:
            numbered = _numbered(batches, ragged, dialect, name, body, start)
            held = write_columns(_ahead(numbered), target, len(dialect.names))
        except pa.ArrowInvalid as error:
            if not ragged.too_many and "straddl" in str(error):
                continue
            raise _unlike(name, dialect, ragged) from error
        finally:
            ragged.close()
        _judge(name, dialect, ragged)
        return held, ragged
    raise DataError(
        f"{name}: a row is longer than {_BLOCKS[-1] >> 20} MiB, with fields quoted by {dialect.format.quote}. Close "
        f"the quote, or say in the mapping file that quotes are text: `read: {{{name}: {{quote: ''}}}}`."
    )


def _numbered(
    batches: Iterator[pa.RecordBatch], ragged: RaggedRows, dialect: Dialect, name: str, body: Path, start: int
) -> Batches:
    """Batches with the numbers of their rows, after a look at quotes that do not close."""
    last = (0, "")
    for batch in batches:
        numbers = ragged.numbers(len(batch))
        wanted = batch.slice(0, len(numbers))
        start = refuse_swallowed_rows(wanted, numbers, dialect, name, body, start)
        others = _other_than_header(wanted, dialect)
        for number in numbers[~others]:
            ragged.set_aside(int(number), "repeats the header", dialect.format.delimiter.join(dialect.names))
        ragged.passed -= int((~others).sum())
        yield (numbers, wanted.columns) if others.all() else (numbers[others], wanted.filter(pa.array(others)).columns)
        if len(wanted) < len(batch):
            return
        if len(batch):
            last = int(numbers[-1]), batch.columns[-1][-1].as_py() or ""
    refuse_unclosed_end(body, last, ragged.last, dialect, name)


def _batches(body: Path, start: int, dialect: Dialect, ragged: RaggedRows, block: int) -> Iterator[pa.RecordBatch]:
    delimiter, quote, escape, _ = dialect.format
    names = [f"c{place}" for place in range(len(dialect.names))]
    if start >= body.stat().st_size:
        return
    with pa.OSFile(str(body)) as handle:
        handle.seek(start)
        yield from pacsv.open_csv(
            handle,
            # One thread keeps the row numbers that ragged rows need.
            read_options=pacsv.ReadOptions(use_threads=False, block_size=block, column_names=names),
            parse_options=pacsv.ParseOptions(
                delimiter="\t" if delimiter == " " else delimiter,
                quote_char=quote or False,
                escape_char=escape or False,
                newlines_in_values=bool(quote),
                invalid_row_handler=ragged.handle,
            ),
            convert_options=pacsv.ConvertOptions(
                column_types={name: pa.string() for name in names}, null_values=[""], strings_can_be_null=True
            ),
        )


def _other_than_header(batch: pa.RecordBatch, dialect: Dialect) -> np.ndarray:
    """Rows that are not the header once more, as files have it that were put together of several."""
    others = np.ones(len(batch), dtype=bool)
    if dialect.has_header and batch.num_columns > 1:
        for place, name in enumerate(dialect.names):
            unlike = pc.not_equal(batch.columns[place], name).fill_null(bool(name)).to_numpy(zero_copy_only=False)
            others = unlike if place == 0 else others | unlike
            if others.all():
                break
    return others


def _one_character(text: PlainText, name: str, options: ReadOptions, folder: Path) -> tuple[PlainText, ReadOptions]:
    """The text with one character between fields where a delimiter is stated that the parser does not take."""
    if options.quote is not None and (len(options.quote) > 1 or not options.quote.isascii()):
        raise DataError(f"{name}: quote has {len(options.quote)} characters; allowed are one or none. Correct it.")
    stated = _SPELLED.get(options.delimiter or "", options.delimiter)
    if not stated or (len(stated) == 1 and stated.isascii()):
        return text, replace(options, delimiter=stated or None)
    target = free_path(folder, name, ".one")
    with text.path.open(encoding="utf-8", newline="") as source, target.open("w", encoding="utf-8", newline="") as copy:
        source.seek(text.mark)
        while data := source.read(_CHUNK):
            copy.write((data + source.readline()).replace(stated, NO_DELIMITER))
    return replace(text, path=target, mark=0), replace(options, delimiter=NO_DELIMITER)


def _without_blanks(body: Path, start: int, chosen: Format, folder: Path) -> Path:
    """The rows of a text with one tab for each run of blanks, or without blanks between a delimiter and a quote."""
    target = free_path(folder, body.name, ".rows")
    quote, delimiter = re.escape(chosen.quote.encode()), re.escape(chosen.delimiter.encode())
    padding = re.compile(rb"(?m)(^|%b) +(?=%b(?!%b))" % (delimiter, quote, quote))
    runs = re.compile(rb"(%b[^%b\r\n]*%b)|[ \t]+" % (quote, quote, quote) if quote else rb"()[ \t]+")
    ends = re.compile(rb"(?m)^[ \t]+|[ \t]+(?=\r?$)")
    with body.open("rb") as source, target.open("wb") as copy:
        source.seek(start)
        while data := source.read(_CHUNK):
            data += source.readline()
            if chosen.padded:
                copy.write(padding.sub(rb"\1", data))
            else:
                copy.write(runs.sub(lambda found: found[1] or b"\t", ends.sub(b"", data)))
    return target


def _judge(name: str, dialect: Dialect, ragged: RaggedRows) -> None:
    """Raise where the file's end looks like another table, or too many rows are ragged."""
    run, rows = ragged.run, ragged.passed + ragged.count
    if run.rows > 1 and ragged.last[0] == rows and begins_a_table(run.lines, dialect.format):
        raise DataError(
            f"{name}: from row {run.start} to the end {run.rows} rows have {run.fields} fields instead of "
            f"{len(dialect.names)}, the first of them without a number or day, as a header; a file holds one table. "
            "Put the rows from there on into a file of their own, or read the rows before alone: "
            f"`read: {{{name}: {{rows: {run.start - 1}}}}}` in the mapping file."
        )
    if ragged.count > MOST * rows:
        raise _unlike(name, dialect, ragged)


def _unlike(name: str, dialect: Dialect, ragged: RaggedRows) -> DataError:
    rows = max(ragged.passed + ragged.count, ragged.last[0])
    width = len(dialect.names)
    header = ", ".join(dialect.names[:8]) + (", ..." if width > 8 else "")
    separator = DELIMITERS.get(dialect.format.delimiter, repr(dialect.format.delimiter))
    return DataError(
        f"{name}: {ragged.count} of {rows} rows ({ragged.count / max(rows, 1):.0%}) do not have {width} fields (first: "
        f"row {ragged.first[0]}, {ragged.first[1]} fields), read as separated by {separator} with columns {header}; "
        "every row has as many fields as the header. State in the mapping file how it is read: "
        f"`read: {{{name}: {{delimiter: ';'}}}}`, likewise quote, skip_rows (lines before the header) or header "
        "(names of columns), or put fields that hold the delimiter in double quotes."
    )


def _ahead(batches: Batches) -> Batches:
    """The same batches, the next one parsed while one is written."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = pool.submit(next, batches, None)
            yield batch
