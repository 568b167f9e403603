"""Column names as people and DuckDB can tell them apart."""

from __future__ import annotations

from collections.abc import Sequence

from purchasing_power.errors import DataError
from purchasing_power.shop.reading.staged import ROW


def distinct_names(header: Sequence[str], file: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of a header, trimmed, and notes on what was done.

    An empty name becomes ``Unnamed: 0`` (its place from 0); of two names that differ by case alone, which SQL takes
    for one, the later gets a number.

    Raises
    ------
    DataError
        If there is no name, a name stands twice, or one is the name that the row number has.
    """
    trimmed = [name.strip() for name in header]
    names = [name or f"Unnamed: {place}" for place, name in enumerate(trimmed)]
    if not any(trimmed) or len(set(names)) < len(names):
        raise DataError(
            f"{file}: the header has {len(names)} columns, {len(set(filter(None, trimmed)))} distinct; every column "
            "needs a name of its own in the first line. Write the header line, or name the columns in the mapping "
            f"file: `read: {{{file}: {{header: [...]}}}}`."
        )
    if ROW in names:
        raise DataError(f"{file}: a column is named {ROW}, which the intake calls row numbers. Rename it.")
    notes = []
    if count := sum(name != old for name, old in zip(trimmed, header, strict=True)):
        notes.append(f"blanks around column names were trimmed ({count})")
    taken: set[str] = set()
    for place, name in enumerate(names):
        if name.casefold() in taken:
            names[place] = _free(name, {other.casefold() for other in names} | taken)
            notes.append(f"column {name} differs from an earlier one by case alone, and is read as {names[place]}")
        taken.add(names[place].casefold())
    return tuple(names), tuple(notes)


def _free(name: str, taken: set[str]) -> str:
    number = 2
    while f"{name}_{number}".casefold() in taken:
        number += 1
    return f"{name}_{number}"
