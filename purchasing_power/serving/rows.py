"""Rows of a request, checked: column by column, with a rule for each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from purchasing_power.serving.faults import Faults, kind, shown
from purchasing_power.serving.limits import Limits
from purchasing_power.shop.values import as_days
from purchasing_power.snapshot.user_table import CUTOFF, DOCUMENTS, USER, UserTableMeta

LONGEST_NAME = 256
_NUMBERS = frozenset({float, int, bool, type(None)})
_TEXTS = frozenset({str, type(None)})
_NONE = type(None)


@dataclass(frozen=True)
class Columns:
    """What a row of a model may hold: the features, all needed, and user, cutoff and documents."""

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    dates: frozenset[str]

    @classmethod
    def of(cls, meta: UserTableMeta) -> Columns:
        """Columns of a user table."""
        return cls(meta.numeric, meta.categorical, frozenset(meta.settings.get("dates", ())))

    @cached_property
    def needed(self) -> frozenset[str]:
        """Names that every row must have."""
        return frozenset((*self.numeric, *self.categorical))

    @cached_property
    def known(self) -> frozenset[str]:
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

    columns: Columns
    users: list[str | None]
    cutoffs: list[str | None]
    numeric: np.ndarray
    categorical: list[tuple[str | None, ...]]
    documents: list[list[str]]

    def __len__(self) -> int:
        return len(self.users)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The same rows as ``PurchasingModel.outputs`` takes them."""
        numeric = pd.DataFrame(self.numeric, columns=list(self.columns.numeric))
        found = pd.DataFrame(self.categorical, columns=list(self.columns.categorical), dtype=object)
        found[DOCUMENTS] = pd.Series(self.documents, dtype=object)
        return pd.concat([numeric, found], axis=1)


def rows_of_frame(frame: pd.DataFrame, columns: Columns) -> Rows:
    """Rows of a user table, which need no check."""
    nobody: list[str | None] = [None] * len(frame)
    categories = frame[list(columns.categorical)].astype(object)
    return Rows(
        columns,
        users=frame[USER].tolist() if USER in frame else nobody,
        cutoffs=[f"{moment:%Y-%m-%d}" for moment in frame[CUTOFF]] if CUTOFF in frame else nobody,
        numeric=frame[list(columns.numeric)].to_numpy(np.float64),
        categorical=list(categories.where(categories.notna(), None).itertuples(index=False, name=None)),
        documents=[list(texts) for texts in frame[DOCUMENTS]],
    )


def check(given: list[Any], columns: Columns, limits: Limits) -> Rows:
    """Read the rows of a request.

    Raises
    ------
    RequestError
        If a row breaks a rule; it names up to ten faults by row and column.
    """
    faults = Faults()
    check_count(len(given), limits)
    numeric = np.full((len(given), len(columns.numeric)), np.nan)
    categorical, documents, users, cutoffs = [], [], [], []
    for position, row in enumerate(given):
        if not _check_names(position, row, columns, faults):
            continue
        numeric[position] = _numbers(position, row, columns, faults)
        categorical.append(_categories(position, row, columns, faults))
        documents.append(_documents(position, row.get(DOCUMENTS), limits, faults))
        users.append(_text(position, USER, row.get(USER), faults))
        cutoffs.append(_text(position, CUTOFF, row.get(CUTOFF), faults))
    faults.check()
    check_characters(sum(len(text) for texts in documents for text in texts), limits)
    return Rows(columns, users, cutoffs, numeric, categorical, documents)


def check_count(count: int, limits: Limits) -> None:
    """Raise a RequestError where there is no row or too many."""
    faults = Faults()
    if not 1 <= count <= limits.max_rows:
        rule = f"1 to {limits.max_rows:,} in a request are allowed"
        faults.add(
            "rows", f"{count:,}", rule, "Send fewer at a time, or score a table with `mlflow run -e score`."
        )
    faults.check()


def check_characters(count: int, limits: Limits) -> None:
    """Raise a RequestError where all texts together are too long."""
    faults = Faults()
    if count > limits.max_characters:
        rule = f"up to {limits.max_characters:,} characters of text in a request are allowed"
        faults.add(
            DOCUMENTS, f"{count:,}", rule, "Send fewer users at a time, or the newest documents alone."
        )
    faults.check()


def _check_names(position: int, row: Any, columns: Columns, faults: Faults) -> bool:
    """Whether the row has every column it needs and no other."""
    if not isinstance(row, dict):
        faults.add(f"row {position}", kind(row), "an object with a value per column is allowed", "Send one.")
        return False
    names = row.keys()
    if names >= columns.needed and names <= columns.known:
        return True
    rule = f"the model needs all {len(columns.needed)} of its features"
    for name in sorted(columns.needed - names):
        faults.add(f"row {position}, {name}", "no such column", rule, "Send null where nothing is known.")
    rule = "it is no column of this model"
    for name in sorted(map(shown, names - columns.known)):
        faults.add(f"row {position}, {name}", "an extra column", rule, "Leave it out, or correct its name.")
    return False


def _numbers(position: int, row: dict[str, Any], columns: Columns, faults: Faults) -> np.ndarray:
    values = [row[name] for name in columns.numeric]
    if _NUMBERS.issuperset(map(type, values)):
        try:
            numbers = np.array(values, np.float64)
        except OverflowError:
            numbers = np.full(len(values), np.inf)
        # What is not finite must be a null that was sent.
        if len(values) - np.count_nonzero(np.isfinite(numbers)) == values.count(None):
            return numbers
    return np.array(
        [
            _number(position, name, value, columns, faults)
            for name, value in zip(columns.numeric, values, strict=True)
        ],
        np.float64,
    )


def _number(position: int, name: str, value: Any, columns: Columns, faults: Faults) -> float:
    rule, found = "a finite number or null is allowed", float("nan")
    # Rows that come from this process may hold numpy's numbers.
    value = value.item() if isinstance(value, np.generic) else value
    if type(value) is str and name in columns.dates:
        rule = "a date (YYYY-MM-DD) or null is allowed"
        days = as_days(pd.Series([value], dtype="str"))
        if days is not None and len(value) <= LONGEST_NAME:
            return float(days.iloc[0])
    elif type(value) in _NUMBERS:
        try:
            found = float("nan") if value is None else float(value)
        except OverflowError:
            found = float("inf")
        if value is None or np.isfinite(found):
            return found
    got = "a number too large" if type(value) is int else kind(value)
    faults.add(f"row {position}, {name}", got, rule, "Send null where nothing is known.")
    return found


def _categories(
    position: int, row: dict[str, Any], columns: Columns, faults: Faults
) -> tuple[str | None, ...]:
    values = tuple(row[name] for name in columns.categorical)
    if not (_TEXTS.issuperset(map(type, values)) and all(map(_short, values))):
        return tuple(
            _text(position, name, value, faults)
            for name, value in zip(columns.categorical, values, strict=True)
        )
    return values


def _text(position: int, name: str, value: Any, faults: Faults) -> str | None:
    if value is None or (type(value) is str and _short(value)):
        return value
    got = "a text too long" if type(value) is str else kind(value)
    rule = f"a text of up to {LONGEST_NAME} characters or null is allowed"
    faults.add(f"row {position}, {name}", got, rule, "Send text in quotes, or null.")
    return None


def _short(text: str | None) -> bool:
    return text is None or len(text) <= LONGEST_NAME


def _documents(position: int, value: Any, limits: Limits, faults: Faults) -> list[str]:
    if value is None:
        return []
    place = f"row {position}, {DOCUMENTS}"
    rule, remedy = "a list of texts, newest first, is allowed", "Send [] for a user without any."
    if not isinstance(value, list):
        faults.add(place, kind(value), rule, remedy)
        return []
    wrong = next((one for one in value if type(one) is not str), "")
    if wrong != "":
        faults.add(place, f"a list with {kind(wrong)}", rule, "Leave out what is no text.")
        return []
    if len(value) > limits.max_documents:
        most = f"up to {limits.max_documents:,} of a user are allowed"
        faults.add(place, f"{len(value):,} texts", most, "Send the newest ones alone.")
        return []
    return value
