"""The user table: one row per user and cutoff, the one thing models, reports and requests speak about.

Whoever reads one reads it through this module: all of it (:func:`read`), its metadata alone (:func:`read_meta`), or in
batches of rows (:class:`UserTableFile`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from purchasing_power.atomic_folder import atomic_folder
from purchasing_power.errors import DataError

USER = "user_id"
CUTOFF = "cutoff"
DOCUMENTS = "documents"
ROWS_FILE = "user_table.parquet"
META_FILE = "user_table.json"


@dataclass(frozen=True)
class UserTableMeta:
    """What each column of a user table is.

    Attributes
    ----------
    kind
        ``"panel"`` (many cutoffs, from shop tables) or ``"flat"`` (a file without time).
    numeric, categorical
        Names of the feature columns. Numeric columns are float64 with NaN for missing,
        categorical ones are strings with missing values allowed.
    label
        The label column of a flat table; ``None`` for a panel.
    task
        ``"binary"``, ``"multiclass"`` or ``"regression"`` for a flat table; ``None`` for a panel,
        whose task follows from the target.
    horizon_days, lookback_days
        Lengths of the label window and of the longest feature window; ``None`` for a flat table.
    spend_outcome, orders_outcome
        Columns that hold what happened in the horizon (currency, orders); NaN until it is over. Orders without
        amounts have no spend.
    meanings, chinese_names
        What a feature column says, in one sentence, and what it is called in Chinese, where that is known.
    blocks
        State of each feature block: ``"on"`` or the reason why it is off.
    settings
        Anything a block fixed before the first cutoff, such as the categories that have a share of
        their own; a request that carries raw orders is computed with the same. ``population`` in it is who has a row.
    population_rows
        Rows that each population rule gives, ``known`` and ``active``.
    suited_horizon
        Horizon (days) that suits the shop's gaps between orders, where enough users order again to tell.
    notes
        What a person should know of the orders: dates set aside, gaps, another horizon.
    """

    kind: str
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    label: str | None = None
    task: str | None = None
    horizon_days: int | None = None
    lookback_days: int | None = None
    spend_outcome: str | None = None
    orders_outcome: str | None = None
    meanings: dict[str, str] = field(default_factory=dict)
    chinese_names: dict[str, str] = field(default_factory=dict)
    blocks: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    population_rows: dict[str, int] = field(default_factory=dict)
    suited_horizon: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def population_text(self) -> str | None:
        """Who has a row at a cutoff, in a sentence; ``None`` of a flat table and of one older than the rule."""
        rule, rows = self.settings.get("population"), self.population_rows
        if rule not in rows:
            return None
        who = {
            "known": "users with a dated sign (order, event, text, follow, redemption, return) before it",
            "active": f"users with a dated sign within the {self.lookback_days} days before it",
        }[rule]
        counts = ", ".join(f"{name} gives {count:,}" for name, count in rows.items())
        return f"Rows at a cutoff: {who} (population={rule}; {counts} rows)."

    @property
    def features(self) -> tuple[str, ...]:
        """Numeric, then categorical column names."""
        return self.numeric + self.categorical

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> UserTableMeta:
        """Build from what ``json.load`` gives."""
        tuples = {name: tuple(values.get(name, ())) for name in ("numeric", "categorical", "notes")}
        return cls(**{**values, **tuples})


@dataclass(frozen=True)
class UserTable:
    """Rows of a user table with their meaning.

    ``frame`` holds ``user_id`` (str), ``cutoff`` (datetime64, panels only), the feature columns,
    ``documents`` (Arrow ``list<dictionary<string>>``, newest first, a repeated text stands once per
    purchase or writing) and the outcome or label columns. Its index is 0..n-1. Nothing in it is changed in place:
    ``cache`` holds what was computed of these rows, such as their digest and their split.
    """

    frame: pd.DataFrame
    meta: UserTableMeta
    cache: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def rows(self, index: np.ndarray) -> UserTable:
        """Keep the rows at the given positions, in that order."""
        return replace(self, frame=self.frame.iloc[index].reset_index(drop=True))

    def cutoffs(self) -> list[pd.Timestamp]:
        """Cutoffs of a panel, ascending."""
        return sorted(self.frame[CUTOFF].unique())

    def digest(self) -> str:
        """Hex digest (16 characters) of the rows' content and their order."""
        if "digest" not in self.cache:
            self.cache["digest"] = frame_digest(self.frame)
        return str(self.cache["digest"])


def frame_digest(frame: pd.DataFrame) -> str:
    """Hex digest (16 characters) of a frame's columns and values; the order of columns does not matter."""
    hasher = hashlib.sha256()
    for name in sorted(frame.columns):
        hasher.update(str(name).encode())
        column = frame[name]
        if name == DOCUMENTS:
            offsets, codes, texts = document_codes(column)
            text_hash = np.asarray(pd.util.hash_array(np.asarray(texts, dtype=object)), dtype=np.uint64)
            hasher.update(offsets.tobytes())
            hasher.update((text_hash[codes] if len(codes) else codes).tobytes())
        else:
            hasher.update(pd.util.hash_pandas_object(column, index=False).to_numpy().tobytes())
    return hasher.hexdigest()[:16]


def documents_array(offsets: np.ndarray, codes: np.ndarray, texts: list[str]) -> pd.Series:
    """Make a ``documents`` column from list offsets, text codes and distinct texts.

    Parameters
    ----------
    offsets
        Shape (n_rows + 1,), where each row's list starts and ends in ``codes``.
    codes
        Positions in ``texts``, shape (offsets[-1],).
    """
    values = pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(texts, pa.string()))
    lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values)
    return pd.Series(lists, dtype=pd.ArrowDtype(lists.type), name=DOCUMENTS)


def document_codes(documents: pd.Series) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Split a ``documents`` column into list offsets, text codes and distinct texts.

    Accepts the Arrow-backed column of a user table and a column of Python lists (a request);
    a missing list counts as empty, a missing text is left out.
    """
    if isinstance(documents.dtype, pd.ArrowDtype):
        array = pa.concat_arrays(_arrow(documents).chunks)
        return _codes_of_arrow(array)
    known: dict[str, int] = {}
    offsets, codes = [0], []
    for row in documents:
        for text in row if isinstance(row, (list, tuple, np.ndarray)) else ():
            if isinstance(text, str):
                codes.append(known.setdefault(text, len(known)))
        offsets.append(len(codes))
    return np.asarray(offsets, np.int64), np.asarray(codes, np.int64), list(known)


def distinct_texts(table: UserTable, rows: np.ndarray | None = None) -> list[str]:
    """Distinct texts in the documents of the given rows, by default of all."""
    column = table.frame[DOCUMENTS]
    _, codes, texts = document_codes(column if rows is None else column.iloc[rows])
    return [texts[code] for code in np.unique(codes)]


def _arrow(column: pd.Series) -> pa.ChunkedArray:
    array = column.array.__arrow_array__()
    chunked = array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])
    return chunked.unify_dictionaries()


def _codes_of_arrow(array: pa.ListArray) -> tuple[np.ndarray, np.ndarray, list[str]]:
    values = array.flatten()
    values = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    codes = values.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    lengths = array.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    owner = np.repeat(np.arange(len(lengths)), lengths)[codes >= 0]
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(lengths)))])
    return offsets.astype(np.int64), codes[codes >= 0], values.dictionary.to_pylist()


def write(table: UserTable, folder: Path) -> Path:
    """Write a user table to a folder: under a temporary name first, then renamed."""
    with atomic_folder(folder) as draft:
        arrow = pa.Table.from_pandas(table.frame.drop(columns=DOCUMENTS, errors="ignore"), preserve_index=False)
        if DOCUMENTS in table.frame:
            arrow = arrow.append_column(DOCUMENTS, _arrow(table.frame[DOCUMENTS]))
        pq.write_table(arrow, draft / ROWS_FILE, compression="zstd")
        (draft / META_FILE).write_text(json.dumps(asdict(table.meta), indent=1, ensure_ascii=False))
    return folder


def read(folder: Path) -> UserTable:
    """Read a user table that :func:`write` wrote.

    Raises
    ------
    DataError
        If the folder holds no user table.
    """
    meta = read_meta(folder)
    return UserTable(frame=_frame(pq.read_table(folder / ROWS_FILE)), meta=meta)


def read_meta(folder: Path) -> UserTableMeta:
    """Read what a user table in a folder is, without its rows.

    Raises
    ------
    DataError
        If the folder holds no user table.
    """
    if not (folder / META_FILE).exists() or not (folder / ROWS_FILE).exists():
        raise DataError(
            f"user table: no {ROWS_FILE} with {META_FILE} in {folder}. "
            "Give the folder or the runs:/ URI that the snapshot step wrote."
        )
    return UserTableMeta.from_dict(json.loads((folder / META_FILE).read_text()))


@dataclass(frozen=True)
class UserTableFile:
    """A user table on disk that is read in batches of rows, so that it never is in memory as a whole.

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

    @classmethod
    def open(cls, folder: Path) -> UserTableFile:
        """Open what :func:`write` wrote.

        Raises
        ------
        DataError
            If the folder holds no user table.
        """
        meta, rows = read_meta(folder), folder / ROWS_FILE
        hasher = hashlib.sha256((folder / META_FILE).read_bytes())
        with rows.open("rb") as file:
            hasher.update(hashlib.file_digest(file, "sha256").digest())
        parquet = pq.read_metadata(rows)
        groups = tuple(parquet.row_group(group).num_rows for group in range(parquet.num_row_groups))
        return cls(folder, meta, groups, hasher.hexdigest())

    def cutoffs(self) -> list[pd.Timestamp]:
        """Cutoffs of a panel, ascending."""
        with pq.ParquetFile(self.folder / ROWS_FILE) as file:
            moments = {moment for batch in file.iter_batches(columns=[CUTOFF]) for moment in pc.unique(batch[CUTOFF])}
        return sorted(pd.Timestamp(moment.as_py()) for moment in moments)

    def batches(self, group: int, size: int, cutoff: pd.Timestamp | None) -> Iterator[tuple[int, pd.DataFrame]]:
        """Rows of a cutoff in each batch of a row group, and how many rows the batch has with those of other cutoffs.

        Frames are as :func:`read` gives them, of at most ``size`` rows; ``None`` takes the rows of every cutoff.
        """
        with pq.ParquetFile(self.folder / ROWS_FILE, pre_buffer=False) as file:
            # An Arrow batch may end where a page ends: rows are gathered until a batch is full.
            held: list[pa.RecordBatch] = []
            for part in file.iter_batches(size, row_groups=[group]):
                held.append(part)
                if sum(len(one) for one in held) >= size:
                    rows = pa.Table.from_batches(held)
                    yield size, _frame_at(rows.slice(0, size), cutoff)
                    held = rows.slice(size).to_batches()
            if sum(len(one) for one in held):
                rows = pa.Table.from_batches(held)
                yield len(rows), _frame_at(rows, cutoff)


def _frame_at(rows: pa.Table, cutoff: pd.Timestamp | None) -> pd.DataFrame:
    if cutoff is not None:
        moments = rows.column(CUTOFF)
        rows = rows.filter(pc.equal(moments, pa.scalar(cutoff.to_pydatetime(), moments.type)))
    return _frame(rows)


def _frame(rows: pa.Table) -> pd.DataFrame:
    """The frame of a user table from its rows as they are stored; documents stay in Arrow."""
    frame = rows.select([name for name in rows.column_names if name != DOCUMENTS]).to_pandas()
    if DOCUMENTS in rows.column_names:
        documents = rows.column(DOCUMENTS).unify_dictionaries()
        frame[DOCUMENTS] = pd.Series(documents, dtype=pd.ArrowDtype(documents.type))
    return frame
