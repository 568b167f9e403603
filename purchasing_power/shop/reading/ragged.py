"""Rows that do not have as many fields as the header, set aside one by one."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass
class Run:
    """Ragged rows one after the other with one number of fields: the first one's number, how many, the first texts."""

    start: int
    fields: int
    rows: int
    lines: list[str]


class RaggedRows:
    """Handler of a parser's invalid rows: writes them to ``path`` and numbers the other rows past them.

    Rows of blanks alone are none: they are neither numbered nor set aside.

    Attributes
    ----------
    count
        Rows set aside.
    passed
        Rows that were numbered and not set aside.
    too_many
        Whether parsing was stopped because of the share of ragged rows.
    first
        Number and fields of the first ragged row.
    last
        Number and text of the latest ragged row.
    run
        Latest run of ragged rows.
    """

    def __init__(self, path: Path, most_rows: int | None = None) -> None:
        self.count = 0
        self.passed = 0
        self.too_many = False
        self.first = (0, 0)
        self.last = (0, "")
        self.run = Run(0, 0, 0, [])
        self._most_rows = most_rows
        self._path = path
        # The parser's own numbers, which count rows of blanks: of rows that it skipped, of those that were blank.
        self._skipped: list[int] = []
        self._blank: list[int] = []
        self._next = 1
        self._pending: list[tuple[int, str, str]] = []
        self._writer: pq.ParquetWriter | None = None

    def handle(self, row: pacsv.InvalidRow) -> str:
        """What pyarrow calls for a row of another width."""
        self._skipped.append(row.number)
        number = row.number - len(self._blank)
        if not row.text.strip():
            self._blank.append(row.number)
        elif self._most_rows is None or number <= self._most_rows:
            fields = "1 field" if row.actual_columns == 1 else f"{row.actual_columns} fields"
            self.set_aside(number, f"has {fields} instead of {row.expected_columns}", row.text)
            self._continue_run(number, row)
            self.too_many = number > _JUDGED_FROM and self.count > MOST * number
        return "error" if self.too_many else "skip"

    def set_aside(self, number: int, reason: str, line: str) -> None:
        """Keep a row with its reason."""
        self.count += 1
        self._pending.append((number, reason, line))
        if len(self._pending) >= _FLUSHED_AT:
            self._flush()

    def numbers(self, rows: int) -> np.ndarray:
        """Numbers of the next rows that the parser did not skip; fewer where no more rows are wanted."""
        passed = 0
        while passed < len(self._skipped) and self._skipped[passed] < self._next + rows + passed:
            passed += 1
        kept = np.arange(self._next, self._next + rows + passed)
        if passed:
            kept = np.setdiff1d(kept, self._skipped[:passed], assume_unique=True)
        del self._skipped[:passed]
        self._next += rows + passed
        kept = kept - np.searchsorted(self._blank, kept) if self._blank else kept
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

    def _continue_run(self, number: int, row: pacsv.InvalidRow) -> None:
        goes_on = number == self.last[0] + 1 and row.actual_columns == self.run.fields
        self.run = self.run if goes_on else Run(number, row.actual_columns, 0, [])
        self.run.rows += 1
        self.run.lines += [row.text] if len(self.run.lines) < 3 else []
        self.first = self.first if self.first[0] else (number, row.actual_columns)
        self.last = (number, row.text)

    def _flush(self) -> None:
        self._writer = self._writer or pq.ParquetWriter(self._path, _SCHEMA)
        columns = [pa.array(column) for column in zip(*self._pending, strict=True)]
        self._writer.write_table(pa.table(columns, schema=_SCHEMA))
        self._pending = []
