"""The rules about a request, each once: how much it may hold, what its values may be, and how a fault is named.

A good row costs one check of all its values of a kind at once; only a row that breaks a rule is read value by value,
for the error to name it.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.shop.values import as_days
from purchasing_power.snapshot.user_table import DOCUMENTS

LONGEST_TEXT = 256
NULL = "Send null where nothing is known."
_NUMBERS = frozenset({float, int, bool, type(None)})
_TEXTS = frozenset({str, type(None)})
PREFIX = "PURCHASING_POWER_"
MOST_MESSAGES = 10
# A longer or odder name may be a value that stands in the wrong place, and is not repeated.
_NAME = re.compile(r"[^\W\d]\w{0,63}")
_TYPES = {type(None): "null", bool: "true or false", str: "a text", list: "a list", dict: "an object"}


class RequestError(DataError):
    """A request that is refused; its message holds names of columns and rules, never a value."""


@dataclass
class Faults:
    """The first faults of a request, in words, and how many there are."""

    messages: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, place: str, got: str, rule: str, remedy: str) -> None:
        """Note a fault: where, what was got, what is allowed, what to do."""
        self.count += 1
        if len(self.messages) < MOST_MESSAGES:
            self.messages.append(f"{place}: got {got}; {rule}. {remedy}")

    def check(self) -> None:
        """Raise a RequestError where there is a fault."""
        if self.count:
            more = self.count - len(self.messages)
            raise RequestError(" ".join(self.messages) + (f" And {more} more." if more else ""))


def printable(name: object) -> str:
    """A column's name where it looks like one, else a description of it."""
    if isinstance(name, str) and _NAME.fullmatch(name):
        return name
    return "a name that is not shown (letters, digits and _ are, up to 64)"


def json_type(value: object) -> str:
    """What a JSON value is, in a word or two."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "an infinite number"
    usual = "a number" if type(value) in (int, float) else "a value of another kind"
    return _TYPES.get(type(value), usual)


@dataclass(frozen=True)
class Limits:
    """Most that a request may hold; each is read from an environment variable of its name, in capitals.

    Attributes
    ----------
    max_rows
        Users (``PURCHASING_POWER_MAX_ROWS``).
    max_documents
        Documents of one user (``PURCHASING_POWER_MAX_DOCUMENTS``).
    max_characters
        Characters of all texts together (``PURCHASING_POWER_MAX_CHARACTERS``).
    max_events
        Orders, events and other raw rows of one user (``PURCHASING_POWER_MAX_EVENTS``).
    max_body_mb
        Megabytes of a body (``PURCHASING_POWER_MAX_BODY_MB``).
    """

    max_rows: int = 1_000
    max_documents: int = 4_096
    max_characters: int = 1_000_000
    max_events: int = 20_000
    max_body_mb: int = 16


def read_limits() -> Limits:
    """Limits of this process.

    Raises
    ------
    DataError
        If a variable holds something else than a whole number above 0.
    """
    stated = {}
    for one in fields(Limits):
        text = os.environ.get(PREFIX + one.name.upper())
        if text:
            if not (text.isascii() and text.isdigit() and int(text)):
                raise DataError(
                    f"environment variable {PREFIX}{one.name.upper()}: got {text!r}; a whole number above 0 is "
                    f"allowed. Set one, or unset it for {one.default}."
                )
            stated[one.name] = int(text)
    return Limits(**stated)


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
    return _TEXTS.issuperset(map(type, values)) and max(map(len, filter(None, values)), default=0) <= LONGEST_TEXT


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
        faults.add(place, json_type(value), f"a list of {entries} is allowed", "Send [] where there are none.")
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
