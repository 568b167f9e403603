"""Shop tables in a folder: opened as frames, written as a whole or not at all, scanned with Ibis."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from purchasing_power.atomic_folder import atomic_folder
from purchasing_power.errors import DataError
from purchasing_power.shop.contract import SCHEMAS

QUARANTINE = "quarantine"
_CHUNK = 1 << 24
_LONGEST_ROW = 1 << 24


def open_folder(folder: Path) -> dict[str, pd.DataFrame]:
    """The shop tables of a folder, as they stand in NAME.parquet, NAME.csv or NAME/ (Parquet parts).

    Columns of a CSV file are all text; the contract gives them their types afterwards, so that
    a value that cannot be read is found with its row. Names that are no shop table are skipped.

    Raises
    ------
    DataError
        If the folder is missing, a table stands in it twice or a file cannot be read.
    """
    if not folder.is_dir():
        raise DataError(
            f"shop folder: no folder at {folder}. Give a folder that holds orders.parquet or orders.csv, "
            "or name a sample."
        )
    tables: dict[str, pd.DataFrame] = {}
    for name in SCHEMAS:
        paths = [p for p in (folder / f"{name}.parquet", folder / f"{name}.csv", folder / name) if p.exists()]
        if len(paths) > 1:
            names = " and ".join(p.name for p in paths)
            raise DataError(f"{name}: found {names} in {folder}; a table stands once. Remove all but one.")
        if paths:
            tables[name] = read_table(paths[0])
    return tables


def unknown_names(folder: Path) -> list[str]:
    """Names in a shop folder that belong to no shop table."""
    known = {f"{name}{ending}" for name in SCHEMAS for ending in (".parquet", ".csv", "")}
    return sorted(p.name for p in folder.iterdir() if p.name not in known and not p.name.startswith("."))


def read_table(path: Path) -> pd.DataFrame:
    """One table as a frame, from a Parquet file, a folder of Parquet parts or a CSV file (all text).

    Raises
    ------
    DataError
        If the file is broken, is not UTF-8, or has rows of another width than its header.
    """
    if path.suffix.lower() == ".csv":
        return _read_csv(path)
    try:
        arrow = _plain(pq.read_table(path))
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{path.name}: is no readable Parquet ({type(error).__name__}) at {path}; a whole Parquet file "
            "or a folder of Parquet files with one schema is needed. Write it again, or give a CSV file."
        ) from error
    return arrow.to_pandas(coerce_temporal_nanoseconds=False)


def _plain(arrow: pa.Table) -> pa.Table:
    """Cast what pandas holds poorly: decimals, dates, dictionaries and text stored as bytes."""
    fields = []
    for part in arrow.schema:
        kind = part.type
        if pa.types.is_decimal(kind):
            kind = pa.float64()
        elif pa.types.is_date(kind):
            kind = pa.timestamp("us")
        elif pa.types.is_dictionary(kind):
            kind = kind.value_type
        elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            kind = pa.large_string()
        fields.append(pa.field(part.name, kind))
    return arrow.cast(pa.schema(fields))


def _read_csv(path: Path) -> pd.DataFrame:
    """A UTF-8 CSV file with every column as text, whatever its values; an empty field is missing."""
    _check_utf8(path)
    header = _header(path)
    invalid: list[int] = []

    def skip(row: pacsv.InvalidRow) -> str:
        invalid.append(row.number)
        return "skip"

    try:
        arrow = _parse_csv(path, header, skip)
    except pa.ArrowInvalid as error:
        raise DataError(
            f"{path.name}: cannot be read as CSV; a header line and comma-separated rows are needed, with "
            "fields that hold commas, quotes or line breaks in double quotes. Write it again."
        ) from error
    if invalid:
        raise DataError(
            f"{path.name}: {len(invalid)} rows do not have {len(header)} fields (first: line {invalid[0]}); "
            "every row has as many fields as the header. Put fields that hold commas in double quotes."
        )
    return arrow.to_pandas()


def _parse_csv(path: Path, header: list[str], on_invalid: Callable[[pacsv.InvalidRow], str]) -> pa.Table:
    return pacsv.read_csv(
        path,
        # One thread keeps the row numbers that the message needs.
        read_options=pacsv.ReadOptions(use_threads=False, block_size=_LONGEST_ROW),
        parse_options=pacsv.ParseOptions(newlines_in_values=True, invalid_row_handler=on_invalid),
        convert_options=pacsv.ConvertOptions(
            column_types={name: pa.large_string() for name in header}, null_values=[""], strings_can_be_null=True
        ),
    )


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as handle:
        header = next(csv.reader(handle), [])
    if not header or len(set(header)) < len(header):
        raise DataError(
            f"{path.name}: the header has {len(header)} columns, {len(set(header))} distinct; every column "
            "needs a name of its own in the first line. Write the header line."
        )
    return header


def _check_utf8(path: Path) -> None:
    start, rest = 0, b""
    with path.open("rb") as handle:
        while chunk := handle.read(_CHUNK):
            data = rest + chunk
            try:
                data.decode("utf-8")
                start, rest = start + len(data), b""
            except UnicodeDecodeError as error:
                # A character cut by the end of a chunk is read again with the next one.
                if len(data) - error.start >= 4 or len(chunk) < _CHUNK:
                    raise _not_utf8(path, start + error.start) from None
                start, rest = start + error.start, data[error.start :]
    if rest:
        raise _not_utf8(path, start)


def _not_utf8(path: Path, position: int) -> DataError:
    return DataError(
        f"{path.name}: byte {position} is not UTF-8; CSV files must be UTF-8. Re-encode it, for instance "
        f"`iconv -f GB18030 -t UTF-8 {path.name} > new.csv` (or -f LATIN1, -f CP1252), or export it as UTF-8."
    )


@contextmanager
def shop_folder(folder: Path) -> Iterator[Path]:
    """A draft folder that takes the place of ``folder`` when the block ends without an error.

    Raises
    ------
    DataError
        If ``folder`` exists and holds other things than shop tables: it is never replaced.
    """
    if foreign := _foreign_names(folder):
        raise DataError(
            f"target: {folder} holds {len(foreign)} things that are no table, {foreign[0]} first; "
            "the target is replaced as a whole. Give a new folder."
        )
    with atomic_folder(folder, remove_stale=True) as draft:
        yield draft


def _foreign_names(folder: Path) -> list[str]:
    known = {QUARANTINE, *SCHEMAS, *(f"{name}.parquet" for name in SCHEMAS)}
    if folder.is_dir():
        return sorted(path.name for path in folder.iterdir() if path.name not in known)
    return [folder.name] if folder.exists() else []


def write_tables(tables: Mapping[str, pd.DataFrame], folder: Path) -> Path:
    """Write each table to NAME.parquet in ``folder``: a draft first, which then takes its place."""
    with shop_folder(folder) as draft:
        for name, frame in tables.items():
            write_table(frame, draft / f"{name}.parquet")
    return folder


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame as one Parquet file; its index is left out."""
    arrow = pa.Table.from_pandas(frame, preserve_index=False)
    pq.write_table(arrow, path, compression="zstd", compression_level=1)


def scan(folder: Path, connection: Any = None) -> dict[str, ibis.Table]:
    """Ibis tables over the checked Parquet files of a folder, by name.

    Parameters
    ----------
    connection
        An Ibis backend that reads Parquet; a DuckDB one in memory where ``None``.

    Raises
    ------
    DataError
        If the folder holds no checked table.
    """
    files = {name: folder / f"{name}.parquet" for name in SCHEMAS}
    paths = {name: path for name, path in files.items() if path.exists()}
    if not paths:
        raise DataError(f"checked tables: none in {folder}; NAME.parquet is needed. Give what ingest wrote.")
    connection = ibis.duckdb.connect() if connection is None else connection
    return {name: connection.read_parquet(str(path), table_name=name) for name, path in paths.items()}
