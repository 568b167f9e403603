"""JSON, one object a line or one array of objects, staged to Parquet with the types that DuckDB finds in all of it."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from purchasing_power.errors import DataError
from purchasing_power.shop.reading.names import distinct_names
from purchasing_power.shop.reading.plain_text import as_plain_text
from purchasing_power.shop.reading.sql import identifier, literal
from purchasing_power.shop.reading.staged import ROW, ReadOptions, Staged, free_path

# Text that looks like a day stays as written, so that one rule for days serves all formats.
_TEXT_BEFORE = ("DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")


def read_json(path: Path, scratch: Path, options: ReadOptions) -> Staged:
    """JSON objects as Parquet in ``scratch``; nested values keep their DuckDB type.

    Raises
    ------
    DataError
        If a record is no JSON, or no object.
    """
    target = free_path(scratch, path.name, ".parquet")
    # A connection of its own keeps the order of rows, whatever is set in the caller's.
    with TemporaryDirectory(dir=scratch) as drafts, duckdb.connect() as connection:
        text = as_plain_text(path, Path(drafts), options.encoding)
        plain = text.path if not text.mark else _without_mark(text.path, text.mark, Path(drafts))
        try:
            types = _types(connection, plain)
            _check(types, path.name)
            names, notes = distinct_names(list(types), path.name)
            columns = ", ".join(
                f"{_value(old, types[old])} AS {identifier(new)}" for old, new in zip(types, names, strict=True)
            )
            limit = "" if options.rows is None else f" LIMIT {options.rows}"
            connection.execute(
                f"COPY (SELECT {columns} FROM {_scan(plain, types)}{limit}) TO {literal(str(target))} (FORMAT parquet)"
            )
        except duckdb.Error as error:
            place = re.search(r"record/value (\d+)", str(error))
            raise DataError(
                f"{path.name}: {'record ' + place[1] if place else 'a record'} cannot be read as JSON "
                f"({type(error).__name__}); one object a line, or one array of objects, is needed. Correct it."
            ) from error
        count = connection.execute(f"SELECT count(*) FROM read_parquet({literal(str(target))})").fetchall()[0][0]
    relation = f"(SELECT file_row_number + 1 AS {ROW}, * FROM read_parquet({literal(str(target))}))"
    found = (", ".join(text.found),) if text.found else ()
    return Staged(relation, names, count, written=False, notes=(*found, *text.notes, *notes))


def _types(connection: duckdb.DuckDBPyConnection, plain: Path) -> dict[str, str]:
    """Columns and the types that hold all of their values."""
    scan = f"read_json({literal(str(plain))}, sample_size=-1)"
    return {row[0]: row[1] for row in connection.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()}


def _scan(plain: Path, types: dict[str, str]) -> str:
    if len({re.sub(r"_\d+$", "", name).casefold() for name in types}) < len(types):
        # DuckDB numbers keys that differ by case alone; a number is no key of the file.
        return f"read_json({literal(str(plain))}, sample_size=-1)"
    read = {name: "VARCHAR" if kind in _TEXT_BEFORE else kind for name, kind in types.items()}
    columns = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in read.items())
    return f"read_json({literal(str(plain))}, columns={{{columns}}})"


def _value(name: str, kind: str) -> str:
    if kind == "JSON":
        return f"{identifier(name)}->>'$'"
    # Parquet holds no integer of 128 bits.
    return f"CAST({identifier(name)} AS DECIMAL(38, 0))" if kind == "HUGEINT" else identifier(name)


def _check(types: dict[str, str], file: str) -> None:
    if list(types) == ["json"] and not types["json"].startswith("STRUCT"):
        raise DataError(f"{file}: holds no objects; one object a line, or one array of objects, is needed.")


def _without_mark(path: Path, mark: int, folder: Path) -> Path:
    target = free_path(folder, path.name, ".json")
    with path.open("rb") as source, target.open("wb") as copy:
        source.seek(mark)
        while chunk := source.read(1 << 22):
            copy.write(chunk)
    return target
