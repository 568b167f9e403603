"""Checked shop tables in a folder: written as a whole or not at all, scanned with Ibis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from purchasing_power.atomic_folder import atomic_folder
from purchasing_power.errors import DataError
from purchasing_power.shop.contract import TABLES

QUARANTINE = "quarantine"


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
    known = {QUARANTINE, *TABLES, *(f"{name}.parquet" for name in TABLES)}
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
    files = {name: folder / f"{name}.parquet" for name in TABLES}
    paths = {name: path for name, path in files.items() if path.exists()}
    if not paths:
        raise DataError(f"checked tables: none in {folder}; NAME.parquet is needed. Give what ingest wrote.")
    connection = ibis.duckdb.connect() if connection is None else connection
    return {name: connection.read_parquet(str(path), table_name=name) for name, path in paths.items()}
