"""What is wrong with a request, in words that hold no value of it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from purchasing_power.errors import DataError

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
