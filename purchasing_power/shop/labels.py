"""The label of a flat file: its task, its classes in one spelling, and the rows that have none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.shop.values import MISSING_WORDS, as_numbers, as_text

TASKS = ("auto", "binary", "multiclass", "regression")
MOST_NUMERIC_CLASSES = 20
# A column of numbers with a few typing errors is still a column of numbers.
_NUMERIC_SHARE = 0.95
MISSING = "is missing (a file without this column can be scored)"


@dataclass(frozen=True)
class Label:
    """A label, ready to be learned.

    Attributes
    ----------
    values
        Classes as text or amounts as float64, missing where a row has none; shape (n,).
    task
        ``"binary"``, ``"multiclass"`` or ``"regression"``.
    faults
        Why a row cannot be used, missing where it can.
    notes
        What was done with its spellings.
    """

    values: pd.Series
    task: str
    faults: pd.Series
    notes: tuple[str, ...] = ()


def read_label(values: pd.Series, task: str, numbers: pd.Series | None = None) -> Label:
    """A label from its cells; blanks at the ends do not count, and neither does the case of a class.

    Parameters
    ----------
    values
        Cells as text.
    numbers
        What the cells are as numbers, where the column was read as numbers; by default those written like 12.5.

    Raises
    ------
    DataError
        If the task is unknown, or the label has no value, a single one, or does not fit the task.
    """
    check_task(task)
    name, text = str(values.name), as_text(values).str.strip()
    text = text.mask(text.isin(MISSING_WORDS))
    written, numbers = numbers is not None, as_numbers(text) if numbers is None else numbers
    numbers = numbers.where(np.isfinite(numbers) & text.notna())
    if text.isna().all():
        raise DataError(f"{name}: the label is missing in all {len(values)} rows. Name another column.")
    text, notes = _one_spelling(name, text)
    numeric = written or numbers.notna().sum() >= _NUMERIC_SHARE * text.notna().sum()
    task = _task_of(text, numbers, bool(numeric)) if task == "auto" else task
    if task == "regression":
        target, notes = numbers, ()
    else:
        integers = numbers[text.notna()].notna().all() and (numbers.dropna() % 1 == 0).all()
        target = as_text(numbers) if integers else text
    _refuse_unlearnable(name, target.dropna(), task)
    why = np.where(text.isna(), f"{name}: {MISSING} ", f"{name}: is not a finite number ")
    faults = pd.Series(why, index=values.index, dtype="str").where(target.isna())
    return Label(target.rename(name), task, faults, notes)


def check_task(task: str) -> None:
    """Refuse a task that there is not.

    Raises
    ------
    DataError
        If it is unknown.
    """
    if task not in TASKS:
        raise DataError(f"task: got {task}; allowed are {', '.join(TASKS)}. Set the parameter task to one of them.")


def _one_spelling(name: str, text: pd.Series) -> tuple[pd.Series, tuple[str, ...]]:
    """Classes that differ in case alone under their most frequent spelling, the first in order of those as frequent."""
    counts = text.value_counts().sort_index(kind="stable").sort_values(ascending=False, kind="stable")
    folded = counts.index.str.casefold()
    spelling = dict(zip(folded[::-1], counts.index[::-1], strict=True))
    if len(spelling) == len(counts):
        return text, ()
    joined = pd.Series([spelling[one] for one in folded], index=counts.index)
    changed = int(counts[joined.to_numpy() != counts.index].sum())
    note = (
        f"{name} has {len(counts)} spellings of {len(spelling)} classes: {changed} cells were given the most frequent "
        "spelling of their class"
    )
    return text.map(joined).astype("str"), (note,)


def _task_of(text: pd.Series, numbers: pd.Series, numeric: bool) -> str:
    distinct = text.nunique()
    if numeric and distinct > 2 and (distinct > MOST_NUMERIC_CLASSES or (numbers.dropna() % 1 != 0).any()):
        return "regression"
    return "binary" if distinct <= 2 else "multiclass"


def _refuse_unlearnable(name: str, target: pd.Series, task: str) -> None:
    distinct = target.nunique()
    if distinct < 2:
        raise DataError(
            f"{name}: the label has {distinct} distinct values in {len(target)} usable rows; 2 or more are needed. "
            "Add rows of another class, or name another column with the parameter label."
        )
    if task == "binary" and distinct != 2:
        raise DataError(f"{name}: {distinct} classes; task=binary needs 2. Set task=multiclass, or merge classes.")
    if task == "multiclass" and distinct > max(MOST_NUMERIC_CLASSES, len(target) / 2):
        raise DataError(
            f"{name}: {distinct} classes in {len(target)} rows; a class needs rows to learn from. "
            "Name another column with the parameter label, or set task=regression for numbers."
        )
