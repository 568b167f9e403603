"""How a column of a source is read: its kind, and the SQL that gives its values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ColumnReading:
    """A column as it is read.

    Attributes
    ----------
    kind
        ``number`` (DOUBLE), ``time`` (TIMESTAMP, UTC, microseconds), ``boolean`` (DOUBLE, 1 and 0), ``id`` (VARCHAR,
        trimmed), ``text`` (VARCHAR), ``empty`` (no cell holds anything) or ``nested`` (lists and structures).
    value
        SQL expression over the source's relation: the value, NULL where the cell is missing or cannot be read.
    present
        SQL expression: whether the cell holds something; a cell that is present without a value could not be read.
    how
        In words, such as ``numbers with a decimal comma`` or ``days as 31/12/2024``; empty where nothing is special.
    cells, unread
        Cells that hold something, and those of them that cannot be read.
    notes
        What a person should know, without a value of a row.
    """

    kind: str
    value: str
    present: str
    how: str = ""
    cells: int = 0
    unread: int = 0
    notes: tuple[str, ...] = ()
