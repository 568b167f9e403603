"""Files of an export, found by the names that a mapping gives, and read as it says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import duckdb

from purchasing_power.errors import DataError
from purchasing_power.shop.columns.formats import Formats
from purchasing_power.shop.mapping.doubts import read_one_table
from purchasing_power.shop.mapping.form import nearest
from purchasing_power.shop.mapping.rows import Rows, Workplace, over
from purchasing_power.shop.mapping.rules import ShopMapping
from purchasing_power.shop.reading.source import ROW, Source, find_column, find_sources
from purchasing_power.shop.reading.sql import identifier
from purchasing_power.shop.reading.staged import ReadOptions


@dataclass(frozen=True)
class Export:
    """The files of an export.

    Attributes
    ----------
    paths
        Files and folders of tables.
    alone
        Whether the export is one file, which then answers to any name where the mapping asks for one file.
    opened
        Sources that were read already, by paths and options.
    """

    mapping: ShopMapping
    root: Path
    paths: tuple[Path, ...]
    alone: bool
    opened: dict[tuple[Path, ReadOptions], Source]

    def find(self, pattern: str) -> list[Path]:
        """Files that a name of the mapping means: a file name, one without its ending, or one with ``*`` and ``?``."""
        folded = pattern.casefold()
        if self.alone:
            return list(self.paths)
        if any(sign in pattern for sign in "*?["):
            return [path for path in self.paths if fnmatchcase(path.name.casefold(), folded)]
        exact = [path for path in self.paths if path.name.casefold() == folded]
        return exact or [path for path in self.paths if _stem(path) == folded]

    def holds(self, patterns: Iterable[str]) -> bool:
        """Whether every plain name, and any of the others, is there."""
        return not self.missing(patterns)

    def missing(self, patterns: Iterable[str]) -> list[str]:
        """Names of the mapping without a file; one with ``*`` is missing where nothing at all was found."""
        names = list(patterns)
        found = {name for name in names if self.find(name)}
        return [name for name in names if name not in found and ("*" not in name or not found)]


def _stem(path: Path) -> str:
    return path.name.casefold().partition(".")[0].strip()


def list_files(mapping: ShopMapping, folder_or_file: Path) -> Export:
    """The files of an export.

    Raises
    ------
    DataError
        If there is no such folder or file.
    """
    if folder_or_file.is_file():
        named = {table.files for table in mapping.tables.values()}
        joined = any(table.joins for table in mapping.tables.values())
        return Export(mapping, folder_or_file, (folder_or_file,), len(named) == 1 and not joined, {})
    if not folder_or_file.is_dir():
        raise DataError(f"data: no folder or file at {folder_or_file}. Give the folder of the export.")
    paths = [path for path in sorted(folder_or_file.iterdir()) if not path.name.startswith((".", "_"))]
    return Export(mapping, folder_or_file, tuple(paths), False, {})


def unread_files(export: Export) -> list[str]:
    """Names of table files that no table of the mapping was read from."""
    if not export.root.is_dir():
        return []
    read = {path for path, _ in export.opened}
    known = set(find_sources(export.root).values()) if _distinct_stems(export) else set(export.paths)
    return sorted(path.name for path in known - read)


def _distinct_stems(export: Export) -> bool:
    stems = [_stem(path) for path in export.paths]
    return len(stems) == len(set(stems))


def open_files(export: Export, patterns: tuple[str, ...], path: str, read: dict[str, Any], work: Workplace) -> Rows:
    """Rows of the files that some names mean, one after another.

    Parameters
    ----------
    path
        Where the names stand in the mapping.
    read
        What the table says about reading its file.

    Raises
    ------
    DataError
        If a file is missing, or has other columns than the first.
    """
    if missing := export.missing(patterns):
        names = [part.name for part in export.paths]
        raise DataError(
            f'mapping: {path}: no file "{missing[0]}" in {export.root}; {nearest(missing[0], names)}. '
            "Correct the name, or add the file."
        )
    paths = list(dict.fromkeys(part for pattern in patterns for part in export.find(pattern)))
    _refuse_copies(paths, path)
    sources = [_open(export, part, read, work) for part in paths]
    source = sources[0] if len(sources) == 1 else _stacked(sources, path, work)
    stems = {_stem(part) for part in paths}
    return Rows(
        source,
        path.rpartition(".")[0],
        _formats(export.mapping, paths[0], source),
        {f"{stem}.{name}": name for stem in stems for name in source.columns},
        tuple(source.columns),
        source.notes,
    )


def _refuse_copies(paths: list[Path], where: str) -> None:
    stems = [_stem(path) for path in paths]
    twice = [path.name for path in paths if stems.count(_stem(path)) > 1]
    if twice:
        raise DataError(
            f"mapping: {where}: {' and '.join(twice)} differ by their ending alone, and both would be read; the "
            "rows of one would count twice. Remove one, or name the file with its ending."
        )


def _open(export: Export, path: Path, read: dict[str, Any], work: Workplace) -> Source:
    options = ReadOptions(**{**_said(export.mapping, path), **read})
    if (path, options) not in export.opened:
        export.opened[path, options] = read_one_table(path, work.scratch, work.connection, options)
    return export.opened[path, options]


def read_as_told(
    mapping: ShopMapping | None, path: Path, scratch: Path, connection: duckdb.DuckDBPyConnection
) -> tuple[Source, Formats]:
    """A file as a source and how its columns are written, where a mapping may correct what is found out of both.

    Raises
    ------
    DataError
        If it cannot be read, or the mapping names a column that it does not have.
    """
    said = {} if mapping is None else _said(mapping, path)
    source = read_one_table(path, scratch, connection, ReadOptions(**said))
    return source, Formats() if mapping is None else Formats(columns=_formats(mapping, path, source))


def _said(mapping: ShopMapping, path: Path) -> dict[str, Any]:
    return next((part for name, part in mapping.read.items() if _means(name, path)), {})


def _means(name: str, path: Path) -> bool:
    return fnmatchcase(path.name.casefold(), name.casefold()) or _stem(path) == name.casefold()


def _formats(mapping: ShopMapping, path: Path, source: Source) -> dict[str, Formats]:
    name, said = next(((name, part) for name, part in mapping.formats.items() if _means(name, path)), ("", Formats()))
    own = {find_column(source.columns, column) or column: part for column, part in said.columns.items()}
    for column in own:
        if column not in source.columns:
            raise DataError(
                f'mapping: formats.{name}.columns: {source.name} has no column "{column}"; '
                f"{nearest(column, source.columns)}. Correct the name."
            )
    base = replace(said, time_zone=said.time_zone or mapping.time_zone, columns={})
    return {column: over(own[column], base) if column in own else base for column in source.columns}


def _stacked(sources: list[Source], path: str, work: Workplace) -> Source:
    first = sources[0]
    parts, ragged, before = [], [], 0
    for source in sources:
        names = [_same(source, name, first, path) for name in first.columns]
        columns = ", ".join(
            f"{identifier(own)} AS {identifier(name)}" for own, name in zip(names, first.columns, strict=True)
        )
        parts.append(f"SELECT {ROW} + {before} AS {ROW}, {columns} FROM {source.relation}")
        if source.ragged:
            ragged.append(f"SELECT * REPLACE ({ROW} + {before} AS {ROW}) FROM {source.ragged}")
        before += source.rows
    relation = f"({' UNION ALL '.join(parts)})"
    described = work.connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    types = {row[0]: row[1] for row in described}
    return Source(
        ", ".join(source.name for source in sources),
        relation,
        {name: types[name] for name in first.columns},
        before,
        first.written,
        tuple(note for source in sources for note in source.notes),
        f"({' UNION ALL '.join(ragged)})" if ragged else None,
    )


def _same(source: Source, name: str, first: Source, path: str) -> str:
    found = find_column(source.columns, name)
    if found is None or len(source.columns) != len(first.columns):
        only_here = sorted({*source.columns} ^ {*first.columns})
        raise DataError(
            f"mapping: {path}: {first.name} and {source.name} differ in {len(only_here)} columns, {only_here[0]} "
            "first; files that are read as one table have the same columns. Map them apart, or join them."
        )
    return found
