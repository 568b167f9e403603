"""A file or folder of one table, as DuckDB reads it: the one entrance to files as they lie."""

from __future__ import annotations

from dataclasses import dataclass

# Number of a data row in its file, from 1: a column that every source has beside the file's own.
ROW = "__row"


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
