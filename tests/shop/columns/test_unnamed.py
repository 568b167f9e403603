from __future__ import annotations

from datetime import date, datetime

import pyarrow as pa
import pytest
from read_cells import read_cells

NUMBERS = [str(number) for number in range(100)]
DAYS = [f"{day:02}/{month:02}/2024" for month in (1, 2, 3) for day in range(1, 29)]

KINDS = {
    "numbers": (["1", "2.5", ""], "number", [1, 2.5, None]),
    "a lone question mark": (["1", "2", "?"], "number", [1, 2, None]),
    "numbers with a sign": (["$5", "$6.50", "1,200"], "number", [5, 6.5, 1200]),
    "0 and 1": (["0", "1"], "number", [0, 1]),
    "fractions": (["0.5", "0.25"], "number", [0.5, 0.25]),
    "codes with a leading zero": (["007", "8"], "text", ["007", "8"]),
    "codes with a blank before": ([" 007", "8"], "text", ["007", "8"]),
    "whole numbers beyond 2^53": (["9007199254740993", "5"], "text", ["9007199254740993", "5"]),
    "large fractions": (["1e300", "2.5"], "number", [1e300, 2.5]),
    "classes": (["1", "2", "3", "4+", "5+"] * 2, "text", ["1", "2", "3", "4+", "5+"] * 2),
    "telephone numbers": (["555 123 456", "555 123 457"], "text", ["555 123 456", "555 123 457"]),
    "addresses of machines": (["192.168.1.1", "10.0.0.1"], "text", ["192.168.1.1", "10.0.0.1"]),
    "days": (["2024-01-01", "2024-01-02"], "time", [datetime(2024, 1, 1), datetime(2024, 1, 2)]),
    "days with a zone": (["2024-01-01 10:00:00 UTC"], "time", [datetime(2024, 1, 1, 10)]),
    "whole numbers like days": (["20240101", "20240102"], "number", [20240101, 20240102]),
    "yes and no": (["yes", "No ", "YES", "n/a"], "boolean", [1, 0, 1, None]),
    "Chinese yes and no": (["是", "否"], "boolean", [1, 0]),
    "true alone": (["true", ""], "boolean", [1, None]),
    "yes alone": (["yes", ""], "text", ["yes", None]),
    "three answers": (["yes", "no", "maybe"], "text", ["yes", "no", "maybe"]),
    "mixed pairs": (["yes", "false"], "text", ["yes", "false"]),
    "text": ([" a", "b", "NA", "None"], "text", ["a", "b", None, None]),
    "words alone": (["-", "?", ""], "empty", [None] * 3),
    "sizes": (["38", "40", "M", "L"], "text", ["38", "40", "M", "L"]),
}


@pytest.mark.parametrize("case", KINDS)
def test_the_kind_of_a_column_is_found_from_its_cells(case: str) -> None:
    cells, kind, expected = KINDS[case]
    reading, values = read_cells(cells, "open")
    assert (reading.kind, values) == (kind, expected)


@pytest.mark.parametrize("cells, kind", [(NUMBERS, "number"), (DAYS, "time")])
def test_a_few_odd_cells_do_not_turn_a_column_and_many_do(cells: list[str], kind: str) -> None:
    few, values = read_cells([*cells, "odd", "odder"], "open")
    assert (few.kind, few.unread, values[-2:]) == (kind, 2, [None, None])
    assert f"x: 2 of {len(cells) + 2} cells hold no {kind} and are missing" in few.notes
    many, values = read_cells([*cells, *(f"odd {number}" for number in range(10))], "open")
    assert (many.kind, values[0]) == ("text", cells[0])


def test_the_first_rows_do_not_decide() -> None:
    """2,500 cells that hold nothing come before the numbers, and before a pair of words."""
    assert read_cells(["-"] * 2500 + NUMBERS, "open")[0].kind == "number"
    assert read_cells([""] * 2500 + ["ja", "nein"], "open")[0].kind == "boolean"
    assert read_cells(NUMBERS * 25 + ["x"] * 2500, "open")[0].kind == "text"
    assert read_cells(["x"] * 2001 + NUMBERS * 500, "open")[0].kind == "number"


@pytest.mark.parametrize(
    "dtype, cells, kind, expected",
    [
        (pa.int64(), [5, None], "number", [5.0, None]),
        (pa.int64(), [2**53 + 1], "text", ["9007199254740993"]),
        (pa.float64(), [1e300, float("nan")], "number", [1e300, None]),
        (pa.bool_(), [True, False], "boolean", [1.0, 0.0]),
        (pa.date32(), [date(2024, 1, 5)], "time", [datetime(2024, 1, 5)]),
        (pa.string(), ["1,5", "2,5"], "number", [1.5, 2.5]),
        (pa.dictionary(pa.int8(), pa.string()), ["a", "NA"], "text", ["a", None]),
        (pa.list_(pa.int64()), [[1]], "nested", [None]),
        (pa.struct([("a", pa.int64())]), [{"a": 1}], "nested", [None]),
        (pa.map_(pa.string(), pa.int64()), [[("a", 1)]], "nested", [None]),
    ],
)
def test_a_typed_column_keeps_its_type(dtype: pa.DataType, cells: list, kind: str, expected: list) -> None:
    reading, values = read_cells(cells, "open", dtype)
    assert (reading.kind, values) == (kind, expected)
