"""Parquet files and folders of parts, scanned where they lie."""

from __future__ import annotations

from pathlib import Path

import duckdb

from purchasing_power.errors import DataError
from purchasing_power.shop.reading.sql import identifier, literal
from purchasing_power.shop.reading.staged import ROW, Staged


def read_parquet(path: Path, connection: duckdb.DuckDBPyConnection) -> Staged:
    """A Parquet file, or a folder of parts whose rows follow one another in the order of their names.

    Raises
    ------
    DataError
        If a file is broken, or the parts are of several schemas.
    """
    files = _parts(path) if path.is_dir() else [path]
    listed = "[" + ", ".join(literal(str(file)) for file in files) + "]"
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM read_parquet({listed}, binary_as_string=true)")
        names = tuple(row[0] for row in described.fetchall())
        counts = [connection.execute(_COUNT + f"({literal(str(file))})").fetchall()[0][0] for file in files]
    except duckdb.Error as error:
        raise DataError(
            f"{path.name}: is no readable Parquet ({type(error).__name__}) at {path}; a whole Parquet file "
            "or a folder of Parquet files with one schema is needed. Write it again, or give a CSV file."
        ) from error
    starts = [sum(counts[:place]) for place in range(len(counts))]
    row = "file_row_number + 1" + (f" + {starts}[file_index + 1]" if len(files) > 1 else "")
    columns = ", ".join(identifier(name) for name in names)
    relation = f"(SELECT {row} AS {ROW}, {columns} FROM read_parquet({listed}, binary_as_string=true) AS t({columns}))"
    return Staged(relation, names, sum(counts), written=False)


_COUNT = "SELECT num_rows FROM parquet_file_metadata"


def _parts(folder: Path) -> list[Path]:
    files = sorted(file for file in folder.rglob("*") if file.is_file() and not file.name.startswith((".", "_")))
    if not files:
        raise DataError(f"{folder.name}: no Parquet file in the folder {folder}. Give the parts of one table.")
    return files
