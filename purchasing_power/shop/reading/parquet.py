"""Parquet files and folders of parts, scanned where they lie, and Arrow files."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from purchasing_power.errors import DataError
from purchasing_power.shop.reading.names import distinct_names
from purchasing_power.shop.reading.sql import identifier, literal
from purchasing_power.shop.reading.staged import ROW, ReadOptions, Staged, free_path


def read_parquet(path: Path, connection: duckdb.DuckDBPyConnection, options: ReadOptions) -> Staged:
    """A Parquet file, or a folder of parts whose rows follow one another in the order of their names.

    Types stay as they are; bytes are text where all of them are UTF-8, else hexadecimal.

    Raises
    ------
    DataError
        If a file is broken, or a column has types in several parts that do not go together.
    """
    files = _parts(path) if path.is_dir() else [path]
    try:
        metadata = [pq.read_metadata(file) for file in files]
        schemas = [part.schema.to_arrow_schema() for part in metadata]
        alike = all(schema.equals(schemas[0]) for schema in schemas)
        scan = _scan(files, alike, hive=any("=" in part for part in files[0].relative_to(path).parts[:-1]))
        columns = connection.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()
        first = schemas[0].names if alike else []
        names, notes = distinct_names([*first, *(column[0] for column in columns[len(first) :])], path.name)
        values, more = _values(connection, scan, [column[1] for column in columns], names)
    except (pa.ArrowException, OSError, duckdb.Error) as error:
        raise DataError(
            f"{path.name}: is no readable Parquet ({type(error).__name__}) at {path}; a whole Parquet file "
            "or a folder of Parquet files with one schema is needed. Write it again, or give a CSV file."
        ) from error
    places = ", ".join(f"c{place}" for place in range(len(names)))
    row = _row([part.num_rows for part in metadata])
    rows = sum(part.num_rows for part in metadata)
    limit = "" if options.rows is None else f" WHERE {row} <= {options.rows}"
    relation = f"(SELECT {row} AS {ROW}, {', '.join(values)} FROM {scan} AS t({places}){limit})"
    notes = (*(() if alike else ("the parts have other columns or types; a column that one lacks is empty",)), *notes)
    return Staged(relation, names, min(rows, options.rows or rows), written=False, notes=(*notes, *more))


def read_arrow(path: Path, scratch: Path, connection: duckdb.DuckDBPyConnection, options: ReadOptions) -> Staged:
    """An Arrow IPC file (Feather), written to Parquet in ``scratch``.

    Raises
    ------
    DataError
        If it is broken.
    """
    target = free_path(scratch, path.name, ".parquet")
    try:
        with (
            pa.memory_map(str(path)) as source,
            pa.ipc.open_file(source) as batches,
            pq.ParquetWriter(target, batches.schema, compression="snappy") as writer,
        ):
            for place in range(batches.num_record_batches):
                writer.write_batch(batches.get_batch(place))
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{path.name}: is no readable Arrow file ({type(error).__name__}) at {path}. Write it again, or as Parquet."
        ) from error
    return read_parquet(target, connection, options)


def _parts(folder: Path) -> list[Path]:
    files = sorted(file for file in folder.rglob("*") if file.is_file() and not _hidden(file.relative_to(folder)))
    if not files:
        raise DataError(f"{folder.name}: no Parquet file in the folder {folder}. Give the parts of one table.")
    return files


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def _scan(files: list[Path], alike: bool, hive: bool) -> str:
    listed = ", ".join(literal(str(file)) for file in files)
    return f"read_parquet([{listed}], union_by_name={not alike}, hive_partitioning={hive}, hive_types_autocast=false)"


def _row(rows: list[int]) -> str:
    """Number of a row over all parts."""
    starts = [sum(rows[:place]) for place in range(len(rows))]
    return "file_row_number + 1" + (
        f" + CAST({starts} AS BIGINT[])[CAST(file_index AS BIGINT) + 1]" if len(rows) > 1 else ""
    )


def _values(
    connection: duckdb.DuckDBPyConnection, scan: str, types: list[str], names: tuple[str, ...]
) -> tuple[list[str], list[str]]:
    """SQL of each column under its name, and notes."""
    places = ", ".join(f"c{place}" for place in range(len(names)))
    values, notes = [], []
    for place, (kind, name) in enumerate(zip(types, names, strict=True)):
        value = f"c{place}"
        if kind == "BLOB":
            unlike = f"SELECT 1 FROM {scan} AS t({places}) WHERE {value} IS NOT NULL AND TRY(decode({value})) IS NULL"
            if connection.execute(f"{unlike} LIMIT 1").fetchall():
                value = f"lower(hex({value}))"
                notes.append(f"{name} holds bytes that are no UTF-8; they are read as hexadecimal text")
            else:
                value = f"decode({value})"
        elif kind.strip('"') == "NULL":
            value = f"CAST({value} AS VARCHAR)"
        values.append(f"{value} AS {identifier(name)}")
    return values, notes
