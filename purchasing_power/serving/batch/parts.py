"""Predictions of a large user table as part files, so that a killed run goes on where it was."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from purchasing_power.atomic_folder import atomic_file

log = logging.getLogger(__name__)

STAMP = b"purchasing_power.part"
Predict = Callable[[pd.DataFrame], pd.DataFrame]


class RowSource(Protocol):
    """Rows to be scored, read in batches; a ``UserTableFile`` is one."""

    @property
    def groups(self) -> tuple[int, ...]:
        """Rows of each group that batches are read from."""

    @property
    def digest(self) -> str:
        """Hex digest of the rows."""

    def batches(self, group: int, size: int, cutoff: pd.Timestamp | None) -> Iterator[tuple[int, pd.DataFrame]]:
        """Rows of a cutoff in each batch of a group, and how many rows the batch has with those of other cutoffs."""


@dataclass(frozen=True)
class FrameSource:
    """Rows that are in memory as one group, all of which are scored."""

    frame: pd.DataFrame
    digest: str

    @property
    def groups(self) -> tuple[int, ...]:
        """All rows."""
        return (len(self.frame),)

    def batches(self, group: int, size: int, cutoff: pd.Timestamp | None) -> Iterator[tuple[int, pd.DataFrame]]:
        """Slices of at most ``size`` rows."""
        for start in range(0, len(self.frame), size):
            part = self.frame.iloc[start : start + size]
            yield len(part), part


def run_digest(table: RowSource, size: int, **settings: str) -> str:
    """Hex digest (16 characters) of all that decides the parts of a run: table, batch size, version, options."""
    stated = json.dumps({"table": table.digest, "size": size, **settings}, sort_keys=True)
    return hashlib.sha256(stated.encode()).hexdigest()[:16]


def score_parts(
    table: RowSource, cutoff: pd.Timestamp | None, size: int, predict: Predict, home: Path, digest: str
) -> list[Path]:
    """Predict a table batch by batch into ``home``; a part that is there, complete and of the same run is reused.

    Parameters
    ----------
    size
        Most rows of a batch.
    predict
        Predictions of the rows of a batch; it is not called where a batch has no row of the cutoff.
    home
        Folder of the parts, ``part-GROUP-BATCH-DIGEST.parquet``.
    digest
        What :func:`run_digest` gave.

    Returns
    -------
    list of Path
        The parts that hold rows, in the order of the table.
    """
    home.mkdir(parents=True, exist_ok=True)
    parts: list[Path] = []
    with tqdm(total=sum(table.groups), desc="score", unit="row") as bar:
        for group, group_rows in enumerate(table.groups):
            count = -(-group_rows // size)
            paths = [home / f"part-{group:05d}-{number:05d}-{digest}.parquet" for number in range(count)]
            done = [_rows(path) for path in paths]
            if None not in done:
                bar.update(group_rows)
                parts += [path for path, rows in zip(paths, done, strict=True) if rows]
                continue
            for path, rows, (read, frame) in zip(paths, done, table.batches(group, size, cutoff), strict=True):
                if rows is None:
                    _write(predict(frame) if len(frame) else frame[[]], path)
                if len(frame):
                    parts.append(path)
                bar.update(read)
    return parts


def join_parts(parts: list[Path], output: Path) -> Path:
    """Join parts to one Parquet file, part after part, under a temporary name; then rename it."""
    output.parent.mkdir(parents=True, exist_ok=True)
    stamped = [pq.read_schema(part) for part in parts]
    joined = pa.unify_schemas([schema.remove_metadata() for schema in stamped], promote_options="permissive")
    metadata = {key: value for key, value in (stamped[0].metadata or {}).items() if key != STAMP}
    joined = joined.with_metadata(metadata)
    with atomic_file(output) as draft, pq.ParquetWriter(draft, joined) as writer:
        for part in parts:
            writer.write_table(pq.read_table(part).replace_schema_metadata(metadata).cast(joined))
    return output


def value_counts(path: Path, column: str) -> Counter[str]:
    """How often each value of a column occurs, read in batches; empty where there is no such column."""
    counts: Counter[str] = Counter()
    with pq.ParquetFile(path) as file:
        if column in file.schema_arrow.names:
            for batch in file.iter_batches(columns=[column]):
                counts.update(batch.to_pandas()[column].dropna().astype(str))
    return counts


def _write(frame: pd.DataFrame, path: Path) -> None:
    """Write a part with checksums: under a temporary name, on the disk, then renamed."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    stamp = {**(table.schema.metadata or {}), STAMP: json.dumps({"name": path.name, "rows": len(frame)})}
    with atomic_file(path) as draft, draft.open("wb") as file:
        pq.write_table(table.replace_schema_metadata(stamp), file, write_page_checksum=True)
        file.flush()
        os.fsync(file.fileno())


def _rows(path: Path) -> int | None:
    """Rows of a part that is complete, ``None`` where it is missing, damaged or another one."""
    if not path.exists():
        return None
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            stamp = json.loads((file.schema_arrow.metadata or {}).get(STAMP, b"{}"))
            rows = sum(len(batch) for batch in file.iter_batches()) if file.schema_arrow.names else 0
    except (OSError, ValueError, pa.ArrowException) as error:
        log.warning("score: %s is damaged (%s) and is scored again", path.name, type(error).__name__)
        return None
    return rows if stamp == {"name": path.name, "rows": rows} else None
