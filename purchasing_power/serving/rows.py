"""Rows of a request, or of a user table, column by column: what both paths of a served model compute with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from purchasing_power.serving import rules
from purchasing_power.serving.rules import Faults, Limits, json_type
from purchasing_power.shop.values import as_objects
from purchasing_power.snapshot.user_table import CUTOFF, DOCUMENTS, USER, UserTableMeta


@dataclass(frozen=True)
class RequestColumns:
    """What a row of a model may hold: the features, all needed, and user, cutoff and documents."""

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    dates: frozenset[str]

    @classmethod
    def of(cls, meta: UserTableMeta) -> RequestColumns:
        """Columns of a user table."""
        return cls(meta.numeric, meta.categorical, frozenset(meta.settings.get("dates", ())))

    @cached_property
    def needed(self) -> frozenset[str]:
        """Names that every row must have."""
        return frozenset((*self.numeric, *self.categorical))

    @cached_property
    def allowed(self) -> frozenset[str]:
        """Names that a row may have."""
        return self.needed | {USER, CUTOFF, DOCUMENTS}


@dataclass(frozen=True)
class Rows:
    """Checked rows, n of them.

    Attributes
    ----------
    users, cutoffs
        As they were sent, ``None`` where they were not.
    numeric
        float64, shape (n, number of numeric columns), NaN for null.
    categorical
        A tuple of text or ``None`` per row.
    documents
        A list of texts per row, newest first.
    """

    columns: RequestColumns
    users: list[str | None]
    cutoffs: list[str | None]
    numeric: np.ndarray
    categorical: list[tuple[str | None, ...]]
    documents: list[list[str]]

    def __len__(self) -> int:
        return len(self.users)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The same rows as the full model takes them."""
        numeric = pd.DataFrame(self.numeric, columns=list(self.columns.numeric))
        others = pd.DataFrame(self.categorical, columns=list(self.columns.categorical), dtype=object)
        others[DOCUMENTS] = pd.Series(self.documents, dtype=object)
        return pd.concat([numeric, others], axis=1)


def rows_of_frame(frame: pd.DataFrame, columns: RequestColumns) -> Rows:
    """Rows of a user table, which need no check."""
    nobody: list[str | None] = [None] * len(frame)
    categories = as_objects(frame[list(columns.categorical)])
    return Rows(
        columns,
        users=frame[USER].tolist() if USER in frame else nobody,
        cutoffs=[f"{moment:%Y-%m-%d}" for moment in frame[CUTOFF]] if CUTOFF in frame else nobody,
        numeric=frame[list(columns.numeric)].to_numpy(np.float64),
        categorical=list(categories.itertuples(index=False, name=None)),
        documents=[list(texts) for texts in frame[DOCUMENTS]],
    )


def read_rows(sent: list[Any], columns: RequestColumns, limits: Limits) -> Rows:
    """Rows of a request that holds features.

    Raises
    ------
    RequestError
        If a row breaks a rule; it names up to ten faults by row and column.
    """
    faults = Faults()
    rules.check_count(len(sent), limits)
    numeric = np.full((len(sent), len(columns.numeric)), np.nan)
    categorical, documents, users, cutoffs = [], [], [], []
    for position, row in enumerate(sent):
        if not _has_columns(position, row, columns, faults):
            continue
        numeric[position] = _numbers(position, row, columns, faults)
        categorical.append(_texts(position, columns.categorical, row, faults))
        documents.append(_documents(position, row.get(DOCUMENTS), limits, faults))
        user, cutoff = _texts(position, (USER, CUTOFF), row, faults)
        users.append(user)
        cutoffs.append(cutoff)
    faults.check()
    rules.check_characters(sum(len(text) for texts in documents for text in texts), limits)
    return Rows(columns, users, cutoffs, numeric, categorical, documents)


def _has_columns(position: int, row: Any, columns: RequestColumns, faults: Faults) -> bool:
    if isinstance(row, dict) and columns.needed <= row.keys() <= columns.allowed:
        return True
    rule = f"an object with all {len(columns.needed)} features of the model is allowed"
    for name in sorted(columns.needed - row.keys()) if isinstance(row, dict) else ():
        faults.add(f"row {position}, {name}", "no such column", rule, rules.NULL)
    rules.check_object(f"row {position}", row, columns.allowed, rule, faults)
    return False


def _numbers(position: int, row: dict[str, Any], columns: RequestColumns, faults: Faults) -> np.ndarray:
    values = [row[name] for name in columns.numeric]
    read = rules.numbers(values)
    if read is not None:
        return read
    pairs = zip(columns.numeric, values, strict=True)
    return np.array(
        [
            rules.read_number(f"row {position}, {name}", value, faults, dated=name in columns.dates)
            for name, value in pairs
        ]
    )


def _texts(position: int, names: tuple[str, ...], row: dict[str, Any], faults: Faults) -> tuple[str | None, ...]:
    values = tuple(map(row.get, names))
    if rules.are_texts(values):
        return values
    pairs = zip(names, values, strict=True)
    return tuple(rules.read_text(f"row {position}, {name}", value, faults) for name, value in pairs)


def _documents(position: int, value: Any, limits: Limits, faults: Faults) -> list[str]:
    place = f"row {position}, {DOCUMENTS}"
    texts = rules.read_list(place, value, "texts", limits.max_documents, faults)
    wrong = [one for one in texts if type(one) is not str]
    if wrong:
        rule = "a list of texts, newest first, is allowed"
        faults.add(place, f"a list with {json_type(wrong[0])}", rule, "Leave out what is no text.")
    return texts
