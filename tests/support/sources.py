"""Files read as sources, and their rows, for tests of what reads files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from purchasing_power.shop.reading.source import ReadOptions, Source, read_source

CONNECTION = duckdb.connect()


def read_bytes(folder: Path, name: str, data: bytes | str, **options: Any) -> Source:
    """A file of that content, read."""
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_source(path, folder / "scratch", CONNECTION, ReadOptions(**options))


def rows_of(source: Source) -> list[tuple[Any, ...]]:
    """Rows of a source in their order, each with its number first."""
    return CONNECTION.execute(f"SELECT * FROM {source.relation} ORDER BY 1").fetchall()


def values_of(source: Source) -> list[tuple[Any, ...]]:
    """Rows of a source in their order, without their numbers."""
    return [row[1:] for row in rows_of(source)]


def ragged_of(source: Source) -> list[tuple[Any, ...]]:
    """Rows that were set aside: number, reason, line."""
    return CONNECTION.execute(f"SELECT * FROM {source.ragged} ORDER BY 1").fetchall() if source.ragged else []
