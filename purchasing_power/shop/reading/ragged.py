"""Rows that do not have as many fields as the header, set aside one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from purchasing_power.shop.reading.sql import literal
from purchasing_power.shop.reading.staged import ROW

# A file with a larger share of them is read wrongly.
MOST = 1 / 3
_JUDGED_FROM = 100_000
_FLUSHED_AT = 10_000
_SCHEMA = pa.schema([(ROW, pa.int64()), ("reason", pa.string()), ("line", pa.string())])


class RaggedRows:
    """Handler of a parser's invalid rows: writes them to ``path`` and numbers the other rows past them.

    Attributes
    ----------
    count
        Rows set aside.
    too_many
        Whether parsing was stopped because of their share.
    passed
        Rows that were numbered.
    first
        Number of the first one and its fields.
    last
        Text of the latest one, with its number.
    """

    def __init__(self, path: Path, most_rows: int | None = None) -> None:
        self.count = 0
        self.passed = 0
        self.too_many = False
        self.first = (0, 0)
        self.last = (0, "")
        self._most_rows = most_rows
        self._path = path
        self._numbers: list[int] = []
        self._pending: list[tuple[int, str, str]] = []
        self._writer: pq.ParquetWriter | None = None
        self._next = 1

    def set_aside(self, row: pacsv.InvalidRow) -> str:
        """What pyarrow calls for a row of another width."""
        if self._most_rows is not None and row.number > self._most_rows:
            return "skip"
        self.first = self.first if self.count else (row.number, row.actual_columns)
        self.last = (row.number, row.text)
        self.count += 1
        fields = "1 field" if row.actual_columns == 1 else f"{row.actual_columns} fields"
        self._pending.append((row.number, f"has {fields} instead of {row.expected_columns}", row.text))
        self._numbers.append(row.number)
        if len(self._pending) >= _FLUSHED_AT:
            self._flush()
        self.too_many = row.number > _JUDGED_FROM and self.count > MOST * row.number
        return "error" if self.too_many else "skip"

    def numbers(self, rows: int) -> np.ndarray:
        """Numbers of the next rows that were not set aside; fewer where no more rows are wanted."""
        passed = 0
        while self._numbers and passed < len(self._numbers) and self._numbers[passed] < self._next + rows + passed:
            passed += 1
        every = np.arange(self._next, self._next + rows + passed)
        kept = np.setdiff1d(every, self._numbers[:passed], assume_unique=True) if passed else every
        self._numbers = self._numbers[passed:]
        self._next += rows + passed
        kept = kept if self._most_rows is None else kept[kept <= self._most_rows]
        self.passed += len(kept)
        return kept

    def close(self) -> None:
        """Write what is pending."""
        if self._pending:
            self._flush()
        if self._writer:
            self._writer.close()

    @property
    def relation(self) -> str | None:
        """SQL that stands after FROM, ``None`` where no row was set aside."""
        return f"read_parquet({literal(str(self._path))})" if self.count else None

    def _flush(self) -> None:
        self._writer = self._writer or pq.ParquetWriter(self._path, _SCHEMA)
        columns = [pa.array(column) for column in zip(*self._pending, strict=True)]
        self._writer.write_table(pa.table(columns, schema=_SCHEMA))
        self._pending = []
