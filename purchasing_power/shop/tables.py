"""Shop tables in a folder: opened as frames, written whole or not at all, scanned with Ibis."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from purchasing_power.errors import DataError
from purchasing_power.shop.contract import SCHEMAS
from purchasing_power.shop.csv_file import read_csv
from purchasing_power.shop.drafts import replaced


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
            found = " and ".join(p.name for p in paths)
            raise DataError(f"{name}: found {found} in {folder}; a table stands once. Remove all but one.")
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
        return read_csv(path)
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


def write_tables(tables: Mapping[str, pd.DataFrame], folder: Path) -> Path:
    """Write each table to NAME.parquet in ``folder``: a draft first, which then takes its place."""
    with replaced(folder) as draft:
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
