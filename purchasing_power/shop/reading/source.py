"""A file or folder of one table, as DuckDB reads it: the one entrance to files as they lie."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from purchasing_power.errors import DataError
from purchasing_power.shop.reading.delimited import read_delimited
from purchasing_power.shop.reading.json_lines import read_json
from purchasing_power.shop.reading.parquet import read_arrow, read_parquet
from purchasing_power.shop.reading.staged import ROW as ROW
from purchasing_power.shop.reading.staged import ReadOptions, Staged
from purchasing_power.shop.reading.workbook import read_workbook

# Nothing is stated: all of a file is found out.
ALL_FOUND = ReadOptions()
_TEXT = (".csv", ".tsv", ".txt", ".tab", ".dat")
_JSON = (".jsonl", ".ndjson", ".json")
_WORKBOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_PARQUET = (".parquet", ".pq")
_ARROW = (".feather", ".arrow")
_MARKS = {
    b"PK\x03\x04": "a ZIP archive or workbook",
    b"\xd0\xcf\x11\xe0": "an old Office file",
    b"PAR1": "Parquet",
    b"ARROW1": "an Arrow file",
    b"SQLite format": "a database",
    b"%PDF-": "a PDF",
    b"<html": "a web page",
    b"<!doctype": "a web page",
    b"<table": "a web page",
    b"<?xml": "XML",
}
_COMPRESSED = (".gz", ".zst")


@dataclass(frozen=True)
class Source:
    """Rows of one table, ready to be queried.

    Attributes
    ----------
    name
        What people know it by, such as ``orders.csv`` or ``export.xlsx, sheet Returns``.
    relation
        SQL that stands after FROM: the column ``ROW`` (BIGINT, from 1), then ``columns``.
    columns
        Header names, trimmed, and their DuckDB types; ``VARCHAR`` for all of them where values are as written.
    rows
        Data rows of the file, those set aside included.
    written
        Whether values are text as it was written (delimited files, sheets), so that types have to be found; Parquet
        and JSON state their own.
    notes
        What was found out about the file, for people: encoding, delimiter, headers that were trimmed.
    ragged
        SQL that stands after FROM: ``ROW``, ``reason`` and ``line`` (the text of the row) of rows that do not have as
        many fields as the header; ``None`` where there is no such row.
    """

    name: str
    relation: str
    columns: dict[str, str]
    rows: int
    written: bool = True
    notes: tuple[str, ...] = ()
    ragged: str | None = None


def read_source(
    path: Path, scratch: Path, connection: duckdb.DuckDBPyConnection, options: ReadOptions = ALL_FOUND
) -> Source:
    """A file or folder as a source; text, JSON and workbooks are staged to Parquet in ``scratch``.

    Parameters
    ----------
    scratch
        Folder for staged files; it outlives the source.
    connection
        A DuckDB connection that the relations are meant for.

    Raises
    ------
    DataError
        If the file is missing, broken, or cannot be told apart into named columns.
    """
    if not path.exists():
        raise DataError(f"{path.name}: no file or folder at {path}. Give the path of a table.")
    staged = _stage(path, scratch, connection, options)
    described = connection.execute(f"DESCRIBE SELECT * FROM {staged.relation}").fetchall()
    types = {row[0]: row[1] for row in described}
    return Source(
        name=f"{path.name}, {staged.part}" if staged.part else path.name,
        relation=staged.relation,
        columns={name: types[name] for name in staged.names},
        rows=staged.rows,
        written=staged.written,
        notes=tuple(f"{path.name}: {note}" for note in staged.notes),
        ragged=staged.ragged,
    )


def _stage(path: Path, scratch: Path, connection: duckdb.DuckDBPyConnection, options: ReadOptions) -> Staged:
    scratch.mkdir(parents=True, exist_ok=True)
    ending = _ending(path)
    if path.is_dir() or ending in _PARQUET:
        return read_parquet(path, connection, options)
    if ending in _ARROW:
        return read_arrow(path, scratch, connection, options)
    if ending in _JSON:
        return read_json(path, scratch, options)
    kind = _kind(path)
    # Exports named .xls are often delimited text.
    if ending in _WORKBOOKS and kind is not None:
        return read_workbook(path, scratch, options)
    if kind is not None:
        raise DataError(
            f"{path.name}: holds {kind}, no text. Give it the ending of its format (.xlsx, .xls, .parquet), unpack it, "
            "or export it as CSV."
        )
    return read_delimited(path, scratch, options)


def _kind(path: Path) -> str | None:
    """What a file is by its first bytes; ``None`` for text, packed or not."""
    with path.open("rb") as handle:
        start = handle.read(16).lstrip()
    return next((kind for mark, kind in _MARKS.items() if start.lower().startswith(mark.lower())), None)


def _ending(path: Path) -> str:
    """What a file's name ends in, lower case, without the ending of a packed file."""
    name = path.name.lower()
    for packed in _COMPRESSED:
        name = name.removesuffix(packed)
    return Path(name).suffix


def find_sources(folder: Path) -> dict[str, Path]:
    """Files and folders of tables in a folder, by stem: lower case, trimmed, endings left out.

    Raises
    ------
    DataError
        If there is no such folder, or two files have the same stem.
    """
    if not folder.is_dir():
        raise DataError(f"shop folder: no folder at {folder}. Give a folder that holds the tables of a shop.")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        stem = _stem(path)
        if stem is None:
            continue
        if stem in found:
            raise DataError(
                f"{stem}: found {found[stem].name} and {path.name} in {folder}; a table stands once. "
                "Remove all but one."
            )
        found[stem] = path
    return found


def _stem(path: Path) -> str | None:
    """The name of the table that a path holds; ``None`` where it holds none."""
    if path.name.startswith((".", "_")):
        return None
    if path.is_dir():
        parts = any(part.suffix.lower() in _PARQUET for part in path.rglob("*") if part.is_file())
        return path.name.strip().lower() if parts else None
    name = path.name.lower()
    for ending in _COMPRESSED:
        name = name.removesuffix(ending)
    for ending in (*_TEXT, *_JSON, *_WORKBOOKS, *_PARQUET, *_ARROW):
        if name.endswith(ending):
            return name.removesuffix(ending).strip()
    return None


def find_column(columns: Iterable[str], name: str) -> str | None:
    """The column of that name: the exact one, else the one that differs by case and blanks at the ends alone."""
    names = list(columns)
    if name in names:
        return name
    alike = [column for column in names if column.strip().casefold() == name.strip().casefold()]
    return alike[0] if len(alike) == 1 else None
