"""Shapes of written times (``99/99/9999 9:99``, every digit a 9) and the strptime formats that read them."""

from __future__ import annotations

import calendar
import re
from datetime import datetime
from typing import NamedTuple

# How two numbers and a year are ordered where the year does not come first with four digits.
ORDERS = {"day_first": "dmy", "month_first": "mdy", "year_first": "ymd"}
# A time that shows a format to people: its day and month cannot be taken for one another.
_SAMPLE = datetime(2024, 12, 31, 14, 5, 9)

_NAMES = {name.lower(): code for names, code in (
    (calendar.month_abbr, "%b"), (calendar.month_name, "%B"), (calendar.day_abbr, "%a"), (calendar.day_name, "%A"),
) for name in names if name and name.lower() != "may"} | {"may": "%b", "am": "%p", "pm": "%p"}  # fmt: skip
_DATE = re.compile(
    r"(?P<weekday>%[aA][,.]? )?(?P<a>9+|%[bB])(?P<s1>(?:st|nd|rd|th)?[-/. ,年]{1,2})"
    r"(?P<b>9{1,2}|%[bB])(?P<s2>(?:st|nd|rd|th)?[-/. ,月']{1,2})(?P<c>9+)(?P<end>日|号|號|\.)?"
)
_CLOCK = re.compile(
    r"(?P<gap>[T ,]{1,2}| at | - )(?P<h>99?)(?P<p1>[:.h时時点]) ?(?P<m>99)"
    r"(?:(?P<p2>[:.分])(?P<s>99))?(?P<fraction>[.,]9{1,9})?(?P<end>[秒分])?(?P<half> ?%p)?"
    r"(?P<zone> ?(?:[+-]99:?(?:99)?(?: ?\(?[A-Z]{3,4}\)?)?|Z|z|UTC|GMT))?"
)
# What a cast to TIMESTAMP reads; cells of such a shape that it leaves are no times.
_ISO = re.compile(r"%Y[-/ ]%m[-/ ]%d(?:[ T]+%H:%M(?::%S(?:\.%[fn])?)?)?(?: ?(?:%z|Z|UTC|GMT).*)?")
_COMPACT = {"99999999T999999": "%Y%m%dT%H%M%S", "99999999T9999": "%Y%m%dT%H%M", "99999999 999999": "%Y%m%d %H%M%S",
            "99999999T999999Z": "%Y%m%dT%H%M%SZ", "99999999 99:99:99": "%Y%m%d %H:%M:%S",
            "99999999 99:99": "%Y%m%d %H:%M"}  # fmt: skip


class Form(NamedTuple):
    """A strptime format, the zone that its times state (``""``, ``UTC`` or ``offset``), and its kind of year."""

    format: str
    zone: str = ""
    two_digit_year: bool = False


def form_of(shape: str, order: str) -> Form | None:
    """The format of a shape, where ``order`` of :data:`ORDERS` tells day and month apart; ``None`` if it is no time."""
    if shape in _COMPACT:
        return Form(_COMPACT[shape], "UTC" if shape.endswith("Z") else "")
    named = re.sub(r"[A-Za-z]+", lambda word: _NAMES.get(word[0].lower(), word[0]), shape)
    date = _DATE.match(named)
    if date is None:
        return None
    codes = _date_codes(date["a"], date["b"], date["c"], ORDERS[order])
    rest = named[date.end() :]
    clock = _CLOCK.fullmatch(rest)
    if codes is None or (rest and clock is None):
        return None
    text = f"{date['weekday'] or ''}{codes[0]}{date['s1']}{codes[1]}{date['s2']}{codes[2]}{date['end'] or ''}"
    time, zone = _clock_format(clock) if clock else ("", "")
    return None if _ISO.fullmatch(text + time) else Form(text + time, zone, "%y" in codes)


def example(form: str) -> str:
    """31 December 2024, 14:05:09, in a format."""
    return _SAMPLE.strftime(form.replace("%n", "000000000").replace("%z", "+0100"))


def _date_codes(a: str, b: str, c: str, order: str) -> tuple[str, str, str] | None:
    """Codes of the three parts of a date; ``None`` if they cannot be one."""
    parts = (a, b, c)
    named = [place for place, part in enumerate(parts) if part.startswith("%")]
    if len(a) == 4:
        order = "ymd"
    elif named == [0]:
        order = "mdy"
    elif named == [1]:
        order = "dmy"
    elif len(c) == 4 and order == "ymd":
        return None
    codes = dict(zip(order, parts, strict=True))
    year = {4: "%Y", 2: "%y"}.get(len(codes["y"]))
    fits = len(codes["d"]) <= 2 and codes["d"][0] == "9" and (named or len(codes["m"]) <= 2) and len(named) <= 1
    if year is None or not fits or "%" in codes["y"]:
        return None
    month = codes["m"] if named else "%m"
    first, second, third = ({"y": year, "m": month, "d": "%d"}[letter] for letter in order)
    return first, second, third


def _clock_format(clock: re.Match[str]) -> tuple[str, str]:
    """Format of the time of day, and the zone it states."""
    hour = "%I" if clock["half"] else "%H"
    text = f"{clock['gap']}{hour}{clock['p1']}%M"
    if clock["s"]:
        text += f"{clock['p2']}%S"
    if clock["fraction"]:
        text += clock["fraction"][0] + ("%f" if len(clock["fraction"]) <= 7 else "%n")
    text += (clock["end"] or "") + (clock["half"] or "")
    zone = clock["zone"] or ""
    if "9" in zone:
        return text + re.sub(r"[+-]9[9:]*", "%z", zone), "offset"
    return text + zone, "UTC" if zone else ""
