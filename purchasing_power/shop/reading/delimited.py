"""Delimited text, staged to Parquet with every value as it was written."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from purchasing_power.errors import DataError
from purchasing_power.shop.reading.sql import identifier, literal
from purchasing_power.shop.reading.staged import ROW, ReadOptions, Staged, free_path

_BLOCK = 1 << 22


def read_delimited(path: Path, scratch: Path, options: ReadOptions) -> Staged:
    """Delimited text as Parquet in ``scratch``, all values text; an empty field is NULL."""
    with path.open(encoding="utf-8-sig", newline="") as handle:
        names = tuple(next(csv.reader(handle), []))
    with path.open("rb") as handle:
        start = len(handle.readline())
    target = free_path(scratch, path.stem, ".parquet")
    physical = [f"c{place}" for place in range(len(names))]
    schema = pa.schema([pa.field(ROW, pa.int64()), *(pa.field(name, pa.string()) for name in physical)])
    rows = 0
    with pq.ParquetWriter(target, schema, **WRITING) as writer:
        for batch in _batches(path, start, physical):
            numbers = pa.array(range(rows + 1, rows + 1 + len(batch)), pa.int64())
            writer.write_batch(pa.RecordBatch.from_arrays([numbers, *batch.columns], schema=schema))
            rows += len(batch)
    columns = ", ".join(f"c{place} AS {identifier(name)}" for place, name in enumerate(names))
    return Staged(f"(SELECT {ROW}, {columns} FROM read_parquet({literal(str(target))}))", names, rows)


WRITING = {"compression": "snappy", "use_dictionary": False, "write_statistics": False}


def _batches(path: Path, start: int, names: list[str]) -> Iterator[pa.RecordBatch]:
    with pa.OSFile(str(path)) as file:
        file.seek(start)
        try:
            yield from pacsv.open_csv(
                file,
                read_options=pacsv.ReadOptions(use_threads=False, block_size=_BLOCK, column_names=names),
                parse_options=pacsv.ParseOptions(newlines_in_values=True),
                convert_options=pacsv.ConvertOptions(
                    column_types={name: pa.string() for name in names}, null_values=[""], strings_can_be_null=True
                ),
            )
        except pa.ArrowInvalid as error:
            if str(error).startswith("Empty CSV file"):
                return
            raise DataError(f"{path.name}: cannot be read as CSV.") from error
