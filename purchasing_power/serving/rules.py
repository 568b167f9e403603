"""The rules about what a request holds, each once: for features, for raw rows and for the profiles in them.

A good row costs one check of all its values of a kind at once; only a row that breaks a rule is read value by value,
for the error to name it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd

from purchasing_power.serving.faults import Faults, json_type, printable
from purchasing_power.serving.limits import Limits
from purchasing_power.shop.values import as_days
from purchasing_power.snapshot.user_table import DOCUMENTS

LONGEST_TEXT = 256
NULL = "Send null where nothing is known."
_NUMBERS = frozenset({float, int, bool, type(None)})
_TEXTS = frozenset({str, type(None)})


def numbers(values: list[Any]) -> np.ndarray | None:
    """Finite numbers, true, false and null as float64, shape (n_values,); ``None`` where one is anything else."""
    if not _NUMBERS.issuperset(map(type, values)):
        return None
    try:
        read = np.array(values, np.float64)
    except OverflowError:
        return None
    # What is not finite must be a null that was sent.
    return read if len(values) - np.count_nonzero(np.isfinite(read)) == values.count(None) else None


def are_texts(values: Sequence[Any]) -> bool:
    """Whether every value is a text of up to ``LONGEST_TEXT`` characters or null."""
    return (
        _TEXTS.issuperset(map(type, values))
        and max(map(len, filter(None, values)), default=0) <= LONGEST_TEXT
    )


def days(value: Any) -> float | None:
    """Days since 1970-01-01 of an ISO 8601 date or time; ``None`` for anything else."""
    read = as_days(pd.Series([value], dtype="str")) if type(value) is str and are_texts([value]) else None
    return None if read is None else float(read.iloc[0])


def read_number(place: str, value: Any, faults: Faults, dated: bool = False) -> float:
    """A number, NaN for null; where ``dated`` says so, a date may stand for its days since 1970-01-01."""
    # Rows that come from this process may hold numpy's numbers.
    value = value.item() if isinstance(value, np.generic) else value
    read = numbers([value])
    if read is not None:
        return float(read[0])
    since = days(value) if dated else None
    if since is None:
        allowed = "a date (YYYY-MM-DD)" if dated and type(value) is str else "a finite number"
        got = "a number too large" if type(value) is int else json_type(value)
        faults.add(place, got, f"{allowed} or null is allowed", NULL)
    return float("nan") if since is None else since


def read_text(place: str, value: Any, faults: Faults, needed: bool = False) -> str | None:
    """A short text; null and an empty one only where it is not ``needed``."""
    if are_texts((value,)) and (value or not needed):
        return value
    got = "a text too long" if type(value) is str and value else json_type(value)
    least, null = ("1 to", "is needed") if needed else ("up to", "or null is allowed")
    faults.add(place, got, f"a text of {least} {LONGEST_TEXT} characters {null}", "Send text in quotes.")
    return None


def read_list(place: str, value: Any, entries: str, most: int, faults: Faults) -> list[Any]:
    """A list of up to some entries; null is an empty one."""
    if not isinstance(value, list | None):
        faults.add(
            place, json_type(value), f"a list of {entries} is allowed", "Send [] where there are none."
        )
    elif value and len(value) > most:
        rule = f"up to {most:,} of a user are allowed"
        faults.add(place, f"{len(value):,} {entries}", rule, "Send the newest ones alone.")
    else:
        return value or []
    return []


def check_object(place: str, value: Any, allowed: Collection[str], rule: str, faults: Faults) -> bool:
    """Whether a value is an object with no other column than those allowed."""
    if not isinstance(value, dict):
        faults.add(place, json_type(value), rule, "Send such an object.")
        return False
    extra = value.keys() - allowed
    for name in sorted(map(printable, extra)):
        faults.add(f"{place}, {name}", "an extra column", rule, "Leave it out, or correct its name.")
    return not extra


def check_count(count: int, limits: Limits) -> None:
    """Raise a RequestError where there is no row or too many."""
    faults = Faults()
    if not 1 <= count <= limits.max_rows:
        rule = f"1 to {limits.max_rows:,} in a request are allowed"
        remedy = "Send fewer at a time, or score a table with `mlflow run -e score`."
        faults.add("rows", f"{count:,}", rule, remedy)
    faults.check()


def check_characters(count: int, limits: Limits) -> None:
    """Raise a RequestError where all texts together are too long."""
    faults = Faults()
    if count > limits.max_characters:
        rule = f"up to {limits.max_characters:,} characters of text in a request are allowed"
        remedy = "Send fewer users at a time, or the newest documents alone."
        faults.add(DOCUMENTS, f"{count:,}", rule, remedy)
    faults.check()
