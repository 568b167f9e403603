"""A user table read in batches of rows: never the whole of it is in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from purchasing_power.snapshot.cutoffs import choose
from purchasing_power.snapshot.user_table import (
    CUTOFF,
    META_FILE,
    ROWS_FILE,
    UserTableMeta,
    frame_of,
    read_meta,
)


@dataclass(frozen=True)
class TableFile:
    """A user table on disk.

    Attributes
    ----------
    groups
        Rows of each Parquet row group.
    digest
        SHA-256 of its files, hex.
    """

    folder: Path
    meta: UserTableMeta
    groups: tuple[int, ...]
    digest: str


def open_table(folder: Path) -> TableFile:
    """Open what ``user_table.write`` wrote.

    Raises
    ------
    DataError
        If the folder holds no user table.
    """
    meta, rows = read_meta(folder), folder / ROWS_FILE
    hasher = hashlib.sha256((folder / META_FILE).read_bytes())
    with rows.open("rb") as file:
        hasher.update(hashlib.file_digest(file, "sha256").digest())
    found = pq.read_metadata(rows)
    groups = tuple(found.row_group(group).num_rows for group in range(found.num_row_groups))
    return TableFile(folder, meta, groups, hasher.hexdigest())


def chosen_cutoff(table: TableFile, cutoff: date | None) -> pd.Timestamp | None:
    """The cutoff to score, by default the latest; ``None`` of a flat table, whose rows all count.

    Raises
    ------
    DataError
        If the table has no such cutoff.
    """
    if table.meta.kind == "flat":
        return None
    with pq.ParquetFile(table.folder / ROWS_FILE) as file:
        moments = {
            moment for batch in file.iter_batches(columns=[CUTOFF]) for moment in pc.unique(batch[CUTOFF])
        }
    return choose(sorted(pd.Timestamp(moment.as_py()) for moment in moments), cutoff)


def batch_counts(table: TableFile, size: int) -> list[int]:
    """How many batches of at most ``size`` rows each row group has."""
    return [-(-rows // size) for rows in table.groups]


def read_group(
    table: TableFile, group: int, size: int, cutoff: pd.Timestamp | None
) -> Iterator[tuple[int, pd.DataFrame]]:
    """Rows of the cutoff in each batch of a row group, and how many rows the batch has with those of other cutoffs.

    Frames are as ``user_table.read`` gives them.
    """
    with pq.ParquetFile(table.folder / ROWS_FILE, pre_buffer=False) as file:
        # An Arrow batch may end where a page ends: rows are gathered until a batch is full.
        held: list[pa.RecordBatch] = []
        for part in file.iter_batches(size, row_groups=[group]):
            held.append(part)
            if sum(len(one) for one in held) >= size:
                whole = pa.Table.from_batches(held)
                yield size, _frame(whole.slice(0, size), cutoff)
                held = whole.slice(size).to_batches()
        if sum(len(one) for one in held):
            rest = pa.Table.from_batches(held)
            yield len(rest), _frame(rest, cutoff)


def _frame(rows: pa.Table, cutoff: pd.Timestamp | None) -> pd.DataFrame:
    if cutoff is not None:
        moments = rows.column(CUTOFF)
        rows = rows.filter(pc.equal(moments, pa.scalar(cutoff.to_pydatetime(), moments.type)))
    return frame_of(rows)
