"""What is wrong with a request, said without any value of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from purchasing_power.errors import DataError

MOST_FAULTS = 10
# A longer or odder name may be a value that stands in the wrong place, and is not repeated.
_NAME = re.compile(r"[^\W\d]\w{0,63}")


class RequestError(DataError):
    """A request that is refused; its message holds names of columns and rules, never a value."""


@dataclass
class Faults:
    """The first faults of a request, in words, and how many there are."""

    found: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, place: str, got: str, rule: str, remedy: str) -> None:
        """Note a fault: where, what was got, what is allowed, what to do."""
        self.count += 1
        if len(self.found) < MOST_FAULTS:
            self.found.append(f"{place}: got {got}; {rule}. {remedy}")

    def check(self) -> None:
        """Raise a RequestError where there is a fault."""
        if self.count:
            more = f" And {self.count - len(self.found)} more." if self.count > len(self.found) else ""
            raise RequestError(" ".join(self.found) + more)


def shown(name: object) -> str:
    """A column's name where it looks like one, else a description of it."""
    if isinstance(name, str) and _NAME.fullmatch(name):
        return name
    return "a name that is not shown (letters, digits and _ are, up to 64)"


def kind(value: object) -> str:
    """What a JSON value is, in a word or two."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, float):
        return "NaN" if value != value else "an infinite number" if value in (_INF, -_INF) else "a number"
    names = {str: "a text", int: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), "a value of another kind")


_INF = float("inf")
