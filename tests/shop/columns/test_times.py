from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from read_cells import read_cells

from purchasing_power.errors import DataError

D = datetime
WRITTEN = {
    "ISO 8601": (["2024-01-05", "2024-01-05T10:00:00", "2024-01-05 10:00:00.25"],
                 [D(2024, 1, 5), D(2024, 1, 5, 10), D(2024, 1, 5, 10, 0, 0, 250000)]),
    "with a zone": ([f"2024-01-05 {time}" for time in ("12:00:00Z", "12:00:00+02:00", "12:00:00-0500", "12:00")],
                    [D(2024, 1, 5, 12), D(2024, 1, 5, 10), D(2024, 1, 5, 17), D(2024, 1, 5, 12)]),
    "UTC in words": (["2024-01-05 12:00:00 UTC", "2024-01-05 12:00:00.5 +0000 UTC", "2024-01-05 12:00:00 -0500"],
                     [D(2024, 1, 5, 12), D(2024, 1, 5, 12, 0, 0, 500000), D(2024, 1, 5, 17)]),
    "blanks at the ends": ([" 2024-01-05 ", "2024-01-06\t"], [D(2024, 1, 5), D(2024, 1, 6)]),
    "day first": (["31/12/2024", "1/2/2024"], [D(2024, 12, 31), D(2024, 2, 1)]),
    "month first": (["12/31/24 8:26", "1/2/24 18:05"], [D(2024, 12, 31, 8, 26), D(2024, 1, 2, 18, 5)]),
    "points": (["31.12.2024 14:05:00", "01.02.2024 00:00:00"], [D(2024, 12, 31, 14, 5), D(2024, 2, 1)]),
    "AM and PM": (["12/31/2024 8:26 PM", "1/2/2024 12:05 am"], [D(2024, 12, 31, 20, 26), D(2024, 1, 2, 0, 5)]),
    "ISO with PM": (["2024-01-05 08:26 PM", "2024-01-05 08:26 AM"], [D(2024, 1, 5, 20, 26), D(2024, 1, 5, 8, 26)]),
    "two kinds of year": (["31/12/2024", "01/02/24"], [D(2024, 12, 31), D(2024, 2, 1)]),
    "year of two digits first": (["24-12-31", "24-11-30"], [D(2024, 12, 31), D(2024, 11, 30)]),
    "whole numbers": (["20230115", "20231231"], [D(2023, 1, 15), D(2023, 12, 31)]),
    "whole numbers with a time": (["20230115123000", "20231231235959"],
                                  [D(2023, 1, 15, 12, 30), D(2023, 12, 31, 23, 59, 59)]),
    "whole numbers that were floats": (["20230115.0", ""], [D(2023, 1, 15), None]),
    "Chinese": (["2023年1月15日", "2023年12月31日 8:05"], [D(2023, 1, 15), D(2023, 12, 31, 8, 5)]),
    "names": (["15 Jan 2023", "15-Jan-23", "January 15, 2023", "1st may 2023", "Mon, 16 Jan 2023 10:00:00 +0100"],
              [D(2023, 1, 15), D(2023, 1, 15), D(2023, 1, 15), D(2023, 5, 1), D(2023, 1, 16, 9)]),
    "Unix seconds": (["1700000000", "1600000000"], [D(2023, 11, 14, 22, 13, 20), D(2020, 9, 13, 12, 26, 40)]),
    "Unix milliseconds": (["1700000000123"], [D(2023, 11, 14, 22, 13, 20, 123000)]),
    "Unix microseconds": (["1700000000123456"], [D(2023, 11, 14, 22, 13, 20, 123456)]),
    "missing": (["2024-01-05", "", "NULL", "-", "?", None], [D(2024, 1, 5)] + [None] * 5),
}  # fmt: skip


@pytest.mark.parametrize("case", WRITTEN)
def test_a_time_is_read_as_people_and_programs_write_it(case: str) -> None:
    cells, expected = WRITTEN[case]
    reading, values = read_cells(cells, "time")
    assert values == expected
    assert (reading.kind, reading.unread) == ("time", 0)


@pytest.mark.parametrize(
    "cell",
    ["5", "2024", "epoch", "infinity", "now", "today", "0000-00-00", "2024-02-30", "0024-01-01", "soon", "31/12/2024"],
)
def test_what_is_no_time_is_present_and_unread(cell: str) -> None:
    """The last one has the day first in a column where the month is first."""
    cells = ["2024-01-05", "2024-01-06", cell] if cell != "31/12/2024" else ["12/31/2024", "12/30/2024", cell]
    reading, values = read_cells(cells, "time")
    assert None not in values[:2] and values[2] is None
    assert (reading.cells, reading.unread) == (3, 1)
    assert "x: 1 of 3 cells hold no time and are missing" in reading.notes


def test_plain_times_cost_a_cast_and_nothing_else() -> None:
    reading, _ = read_cells(["2024-01-05", "2024-01-05 10:00:00", ""], "time")
    assert reading.value == 'TRY_CAST("x" AS TIMESTAMP)'
    assert reading.notes == ()


def test_numbers_that_are_not_all_unix_times_are_no_times() -> None:
    assert read_cells(["1700000000", "17"], "time")[1] == [None, None]
    assert read_cells([1, 2, 3], "time", pa.int64())[1] == [None] * 3


def test_dates_that_fit_both_orders_are_read_with_the_shorter_span_and_told() -> None:
    reading, values = read_cells(["03/01/2024", "03/12/2024", "03/05/2024"], "time")
    assert values == [D(2024, 3, 1), D(2024, 3, 12), D(2024, 3, 5)]
    assert "write date: day_first into the mapping" in reading.notes[0]
    told, values = read_cells(["03/01/2024", "03/12/2024", "03/05/2024"], "time", date="day_first")
    assert values == [D(2024, 1, 3), D(2024, 12, 3), D(2024, 5, 3)]
    assert told.notes == ()


def test_one_day_above_twelve_decides_for_every_cell() -> None:
    cells = ["03/04/2024"] * 5
    assert read_cells([*cells, "25/04/2024"], "time")[1][0] == D(2024, 4, 3)
    assert read_cells([*cells, "04/25/2024"], "time")[1][0] == D(2024, 3, 4)


def test_several_formats_in_one_column_are_told_with_counts() -> None:
    reading, _ = read_cells(["31/12/2024", "30/12/2024", "2024-12-29"], "time")
    assert reading.notes == ("x: several formats: as 31/12/2024 in 2 cells, ISO 8601 in 1 cells",)


def test_times_without_a_zone_are_of_the_zone_that_the_mapping_states() -> None:
    cells = ["2024-01-15 12:00:00", "2024-07-15 00:30:00", "2024-07-15T12:00:00Z", "15.07.2024 12:00"]
    berlin = ZoneInfo("Europe/Berlin")
    naive = [D(2024, 1, 15, 12), D(2024, 7, 15, 0, 30), None, D(2024, 7, 15, 12)]
    expected = [
        time.replace(tzinfo=berlin).astimezone(UTC).replace(tzinfo=None) if time else D(2024, 7, 15, 12)
        for time in naive
    ]
    assert read_cells(cells, "time", time_zone="Europe/Berlin")[1] == expected
    assert read_cells(cells[:2], "time", time_zone="Europe/Berlin")[1] == expected[:2]
    assert read_cells([naive[0]], "time", pa.timestamp("ms"), time_zone="Europe/Berlin")[1] == expected[:1]


@pytest.mark.parametrize(
    "told, cells, expected",
    [
        ("%d/%m/%Y %H:%M", ["03/04/2024 10:30", "2024-01-01"], [D(2024, 4, 3, 10, 30), None]),
        ("%d/%m/%Y %H:%M %z", ["03/04/2024 10:30 +0200"], [D(2024, 4, 3, 8, 30)]),
        ("excel", ["45000.5", "1", "x"], [D(2023, 3, 15, 12), D(1899, 12, 31), None]),
        ("unix_seconds", ["86400", "1700000000"], [D(1970, 1, 2), D(2023, 11, 14, 22, 13, 20)]),
        ("month_first", ["03/04/2024", "2024-01-02"], [D(2024, 3, 4), D(2024, 1, 2)]),
    ],
)
def test_what_the_mapping_says_of_dates_is_obeyed(told: str, cells: list[str], expected: list[datetime | None]) -> None:
    assert read_cells(cells, "time", date=told)[1] == expected


def test_a_format_that_is_none_is_refused() -> None:
    with pytest.raises(DataError, match="date of x is '%Q'"):
        read_cells(["2024-01-01"], "time", date="%Q")


@pytest.mark.parametrize(
    "dtype, cells, expected",
    [
        (pa.date32(), [date(2024, 1, 5), None], [D(2024, 1, 5), None]),
        (pa.timestamp("s"), [D(2024, 1, 5, 10)], [D(2024, 1, 5, 10)]),
        (pa.timestamp("ns"), [D(2024, 1, 5, 10, 0, 0, 5)], [D(2024, 1, 5, 10, 0, 0, 5)]),
        (pa.timestamp("us", tz="Asia/Shanghai"), [D(2024, 1, 5, 2, tzinfo=UTC)], [D(2024, 1, 5, 2)]),
        (pa.int64(), [20230115, None, 20231231], [D(2023, 1, 15), None, D(2023, 12, 31)]),
        (pa.int64(), [1700000000123456], [D(2023, 11, 14, 22, 13, 20, 123456)]),
        (pa.float64(), [1700000000.0, float("nan")], [D(2023, 11, 14, 22, 13, 20), None]),
        (pa.bool_(), [True], [None]),
    ],
)
def test_a_typed_column_keeps_its_times(dtype: pa.DataType, cells: list, expected: list) -> None:
    assert read_cells(cells, "time", dtype)[1] == expected


# Format and the unit that it keeps, in seconds.
FORMATS = {
    "%Y-%m-%d": 86400, "%Y-%m-%d %H:%M:%S": 1, "%Y-%m-%dT%H:%M:%SZ": 1, "%Y-%m-%d %H:%M:%S.%f": 0,
    "%Y-%m-%d %H:%M:%S UTC": 1, "%Y/%m/%d": 86400, "%d/%m/%Y": 86400, "%m/%d/%Y": 86400, "%d.%m.%Y %H:%M": 60,
    "%m/%d/%y %H:%M": 60, "%d-%m-%Y %H:%M:%S": 1, "%m/%d/%Y %I:%M:%S %p": 1, "%Y%m%d": 86400, "%Y%m%d%H%M%S": 1,
    "%d %b %Y": 86400, "%B %d, %Y": 86400, "%b %d, %Y %I:%M %p": 60, "%d-%b-%y": 86400, "%Y年%m月%d日": 86400,
}  # fmt: skip


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)), max_size=10),
    st.sampled_from(sorted(FORMATS)),
    st.integers(0, 9),
)
def test_times_written_in_one_format_are_read_back(drawn: list[datetime], form: str, seed: int) -> None:
    times = [*drawn, datetime(2024, 12, 31, 13, 5, 9), datetime(2024, 1, 5)]
    random.Random(seed).shuffle(times)
    unit = FORMATS[form]
    kept = [time if not unit else time - (time - datetime(1980, 1, 1)) % timedelta(seconds=unit) for time in times]
    reading, values = read_cells([time.strftime(form) for time in times], "time")
    assert values == kept
    assert reading.unread == 0
