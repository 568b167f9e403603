from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pyarrow as pa
import pytest
from read_cells import read_cells

WRITTEN = {
    "trimmed": ([" a1 ", "b2\t", "\u00a0c3", "", "  ", None], ["a1", "b2", "c3", None, None, None]),
    "whole numbers with a point": (["10001.0", "10002.00", "", "-3.0"], ["10001", "10002", None, "-3"]),
    "whole numbers of one form": (["10001.0", "10002.0"], ["10001", "10002"]),
    "whole numbers both ways": (["10001.0", "10001", "7"], ["10001", "10001", "7"]),
    "a point among other ids": (["10001.0", "A-7"], ["10001.0", "A-7"]),
    "a fraction among them": (["10001.0", "2.5"], ["10001.0", "2.5"]),
    "leading zeros": (["007", "7", "00"], ["007", "7", "00"]),
    "upper and lower case": (["Ab", "aB", "x"], ["Ab", "aB", "x"]),
    "words for missing": (["NA", "none", "-"], ["NA", "none", "-"]),
    "digits beyond 2^53": (["9007199254740993", "9007199254740992"], ["9007199254740993", "9007199254740992"]),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_an_id_is_text_after_one_rule(case: str) -> None:
    cells, expected = WRITTEN[case]
    reading, values = read_cells(cells, "id")
    assert values == expected
    assert (reading.kind, reading.unread) == ("id", 0)


@pytest.mark.parametrize(
    "dtype, cells, expected",
    [
        (pa.int64(), [2**53 + 1, None, 2**53], ["9007199254740993", None, "9007199254740992"]),
        (pa.uint64(), [2**64 - 1], ["18446744073709551615"]),
        (pa.decimal128(20, 0), [Decimal(10**19)], ["1" + "0" * 19]),
        (pa.decimal128(12, 2), [Decimal("5.00"), Decimal("6.00")], ["5", "6"]),
        (pa.decimal128(12, 2), [Decimal("5.00"), Decimal("6.50")], ["5.00", "6.50"]),
        (pa.float64(), [10001.0, float("nan"), None], ["10001", None, None]),
        (pa.float64(), [10001.0, 2.5], ["10001.0", "2.5"]),
        (pa.string(), [" a "], ["a"]),
        (pa.dictionary(pa.int8(), pa.string()), [" a ", "b"], ["a", "b"]),
        (pa.binary(), [b"ab", b"\xff\x00"], ["6162", "ff00"]),
        (pa.binary(), [b"ab"], ["ab"]),
        (pa.bool_(), [True], ["true"]),
    ],
)
def test_a_typed_id_keeps_its_digits(dtype: pa.DataType, cells: list, expected: list) -> None:
    assert read_cells(cells, "id", dtype)[1] == expected


def test_a_uuid_is_its_text() -> None:
    uuid = UUID("12345678-1234-5678-1234-567812345678")
    array = pa.array([uuid.bytes], pa.uuid())
    assert read_cells(array, "id", pa.uuid())[1] == [str(uuid)]


def test_ids_that_differ_only_in_case_are_counted() -> None:
    reading, _ = read_cells(["Ab", "aB", "x", "Ab"], "id")
    assert reading.notes == ("x: 1 of 3 ids differ from another one only in case; they stay apart",)


def test_ids_whose_digits_a_spreadsheet_lost_are_told() -> None:
    reading, values = read_cells(["1.23457E+11", "5"], "id")
    assert values == ["1.23457E+11", "5"]
    assert "1 of 2 cells are written as 1.23457E+11" in reading.notes[0]


def test_floats_whose_last_digits_are_lost_are_told() -> None:
    reading, _ = read_cells([2.0**60, 5.0], "id", pa.float64())
    assert "above 2^53" in reading.notes[0]


def test_text_loses_the_blanks_at_its_ends_alone() -> None:
    reading, values = read_cells([" T-Shirt  blue ", "", " ", "NA", None], "text")
    assert values == ["T-Shirt  blue", None, None, "NA", None]
    assert reading.cells == 2


def test_a_column_without_a_value_is_empty() -> None:
    for wanted in ("number", "time", "id", "text", "open"):
        reading, values = read_cells(["", None, " "], wanted)
        assert (reading.kind, reading.cells, values) == ("empty", 0, [None] * 3)
