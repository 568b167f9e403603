"""What a mapping says about how the columns of a table are written; it is obeyed instead of the guess."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field

from purchasing_power.errors import DataError

# Words for dates that are no strptime format.
DATE_ORDERS = ("day_first", "month_first", "year_first")
DATE_WORDS = (*DATE_ORDERS, "excel", "unix_seconds", "unix_milliseconds", "unix_microseconds")


@dataclass(frozen=True)
class Formats:
    """How the columns of a table are written, as far as somebody has said so.

    Attributes
    ----------
    decimal
        ``.`` or ``,``: the decimal sign of numbers; the other one separates thousands.
    date
        A strptime format such as ``%d/%m/%Y %H:%M``, or ``day_first``, ``month_first``, ``year_first``,
        ``excel`` (serial days), ``unix_seconds``, ``unix_milliseconds``, ``unix_microseconds``.
    time_zone
        IANA name of the zone of times that state none, such as ``Europe/Berlin``; UTC without it.
    columns
        Formats of single columns, which go before those of the table.

    Raises
    ------
    DataError
        If a value is not one of those.
    """

    decimal: str | None = None
    date: str | None = None
    time_zone: str | None = None
    columns: Mapping[str, Formats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.decimal not in (None, ".", ","):
            raise DataError(f"decimal is {self.decimal!r}; allowed are '.' and ','. Correct the mapping.")
        if self.date is not None and self.date not in DATE_WORDS and "%" not in self.date:
            words = ", ".join(DATE_WORDS)
            allowed = f"allowed are {words} and a format such as '%d/%m/%Y %H:%M'"
            raise DataError(f"date is {self.date!r}; {allowed}. Correct the mapping.")
        if self.time_zone is not None and self.time_zone not in zoneinfo.available_timezones():
            raise DataError(
                f"time_zone is {self.time_zone!r}; allowed are IANA names such as 'Europe/Berlin' and 'UTC'. "
                "Correct the mapping."
            )

    def of(self, column: str) -> Formats:
        """The formats of one column: its own where they are given, else those of the table."""
        own = self.columns.get(column, Formats())
        return Formats(own.decimal or self.decimal, own.date or self.date, own.time_zone or self.time_zone)
