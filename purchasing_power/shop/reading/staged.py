"""What a reader of one format hands on: Parquet files and how their columns are called."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from purchasing_power.shop.reading.sql import identifier, literal

# Number of a data row in its file, from 1: a column that every source has beside the file's own.
ROW = "__row"


@dataclass(frozen=True)
class ReadOptions:
    """How a file is read, where that is stated rather than found; ``None`` is found.

    Attributes
    ----------
    delimiter
        One character, or a blank for runs of blanks.
    quote
        One character; empty where quotes mean nothing.
    encoding
        A name that Python knows, such as ``gb18030``.
    header
        Whether the first line names the columns, or the names of the columns of a file without a header.
    sheet
        Sheets of a workbook, separated by commas, or ``*`` for all; their rows follow one another.
    skip_rows
        Lines (rows of a sheet) before the header.
    rows
        Data rows to read at most.
    """

    delimiter: str | None = None
    quote: str | None = None
    encoding: str | None = None
    header: bool | tuple[str, ...] | None = None
    sheet: str | None = None
    skip_rows: int | None = None
    rows: int | None = None


@dataclass(frozen=True)
class Staged:
    """Rows of a file as they stand in Parquet.

    Attributes
    ----------
    relation
        SQL that stands after FROM: ``ROW`` and the columns ``names``, in that order.
    names
        Column names, trimmed and distinct without regard to case.
    rows
        Data rows, those set aside included.
    written
        Whether all values are text as it was written.
    notes
        What was found about the file, without its name.
    ragged
        SQL that stands after FROM: rows that were set aside, ``None`` where there is none.
    part
        What of the file was read, such as ``sheet Returns``; empty for all of it.
    """

    relation: str
    names: tuple[str, ...]
    rows: int
    written: bool = True
    notes: tuple[str, ...] = ()
    ragged: str | None = None
    part: str = ""


def free_path(scratch: Path, name: str, ending: str) -> Path:
    """A path in ``scratch`` where nothing stands yet, made after ``name``."""
    scratch.mkdir(parents=True, exist_ok=True)
    paths = (scratch / f"{name}{f'-{number}' if number else ''}{ending}" for number in range(1_000_000))
    return next(path for path in paths if not path.exists())


def write_columns(batches: Iterable[tuple[np.ndarray, list[pa.Array]]], target: Path, width: int) -> list[int]:
    """Write row numbers and text columns c0, c1, … batch by batch; returns how many values each column holds."""
    fields = [pa.field(ROW, pa.int64()), *(pa.field(f"c{place}", pa.string()) for place in range(width))]
    schema = pa.schema(fields)
    held = [0] * width
    # Values are read once or twice only: little is won by a dictionary, and much time is lost.
    with pq.ParquetWriter(target, schema, compression="snappy", use_dictionary=False, write_statistics=False) as writer:
        for numbers, columns in batches:
            writer.write_batch(pa.RecordBatch.from_arrays([pa.array(numbers, pa.int64()), *columns], schema=schema))
            held = [count + len(column) - column.null_count for count, column in zip(held, columns, strict=True)]
    return held


def columns_relation(target: Path, names: Iterable[tuple[int, str]]) -> str:
    """SQL that stands after FROM: columns of :func:`write_columns` by place, under their names."""
    columns = ", ".join(f"c{place} AS {identifier(name)}" for place, name in names)
    return f"(SELECT {ROW}, {columns} FROM read_parquet({literal(str(target))}))"
