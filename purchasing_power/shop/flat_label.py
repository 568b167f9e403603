"""The label of a flat file: what kind of task it makes, and which rows it cannot be used for."""

from __future__ import annotations

import numpy as np
import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.shop.values import MISSING_WORDS, as_numbers, as_text

TASKS = ("auto", "binary", "multiclass", "regression")
MOST_NUMERIC_CLASSES = 20
# A column of numbers with a few typing errors is still a column of numbers.
_NUMERIC_SHARE = 0.95


def label_column(values: pd.Series, task: str) -> tuple[pd.Series, str, pd.Series]:
    """The label as text (classes) or float64, the task, and why a row cannot be used, missing where it can.

    Raises
    ------
    DataError
        If the task is unknown, or the label has no value, a single one, or does not fit the task.
    """
    if task not in TASKS:
        raise DataError(
            f"task: got {task}; allowed are {', '.join(TASKS)}. Set the parameter task to one of them."
        )
    text = as_text(values)
    text = text.mask(text.isin(MISSING_WORDS))
    numbers = as_numbers(text)
    numbers = numbers.where(np.isfinite(numbers))
    if text.isna().all():
        raise DataError(
            f"{values.name}: the label is missing in all {len(values)} rows. Name another column."
        )
    found = _task(text, numbers) if task == "auto" else task
    if found == "regression":
        target, broken = numbers, numbers.isna()
    else:
        whole = numbers[text.notna()].notna().all() and (numbers.dropna() % 1 == 0).all()
        target = as_text(numbers) if whole else text
        broken = target.isna()
    _refuse_unlearnable(str(values.name), target.dropna(), found)
    why = np.where(text.isna(), f"{values.name}: is missing ", f"{values.name}: is not a finite number ")
    return target, found, pd.Series(why, index=values.index, dtype="str").where(broken)


def _task(text: pd.Series, numbers: pd.Series) -> str:
    distinct = text.nunique()
    numeric = numbers.notna().sum() >= _NUMERIC_SHARE * text.notna().sum()
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
        raise DataError(
            f"{name}: {distinct} classes; task=binary needs 2. Set task=multiclass, or merge classes."
        )
    if task == "multiclass" and distinct > max(MOST_NUMERIC_CLASSES, len(target) / 2):
        raise DataError(
            f"{name}: {distinct} classes in {len(target)} rows; a class needs rows to learn from. "
            "Name another column with the parameter label, or set task=regression for numbers."
        )
