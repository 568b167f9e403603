from __future__ import annotations

import random
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from read_cells import read_cells

WRITTEN = {
    "plain": (["1", "2.5", "-3", "+4", "1e3", ".5", " 7 "], [1, 2.5, -3, 4, 1000, 0.5, 7]),
    "comma groups": (["1,234.50", "12", "1,234,567"], [1234.5, 12, 1234567]),
    "point groups": (["1.234,50", "1.234", "1.234.567"], [1234.5, 1234, 1234567]),
    "blank groups": (["1 234,50", "12,5", "1\u00a0234\u202f567,00"], [1234.5, 12.5, 1234567]),
    "apostrophe groups": (["1'234.50", "1’234’567", "3"], [1234.5, 1234567, 3]),
    "lakhs": (["1,23,456.00", "12,34,567", "5"], [123456, 1234567, 5]),
    "decimal comma": (["0,5", "12,25", "1,234"], [0.5, 12.25, 1.234]),
    "commas in thousands alone": (["1,234", "999"], [1234, 999]),
    "a comma where thousands are not parted": (["1,234", "1500"], [1.234, 1500]),
    "currency": (["€ 12.50", "$3", "7 USD", "R$ 5", "kr 5", "5 zł", "￥１２", "₹ 1,000", "12,-"], None),
    "percent": (["12.5 %", "3%", "４％"], [12.5, 3, 4]),
    "negative": (["(12.50)", "12.50-", "-€5", "€-5", "$(1,005.00)", "−7"], [-12.5, -12.5, -5, -5, -1005, -7]),
    "full width": (["１２３．５", "４"], [123.5, 4]),
    "missing": (
        ["5", "", "  ", "NA", "n/a", "NULL", "None", "-", "--", "?", ".", "#N/A", "nan", None],
        [5] + [None] * 13,
    ),
}
WRITTEN["currency"] = (WRITTEN["currency"][0], [12.5, 3, 7, 5, 5, 5, 12, 1000, 12])


@pytest.mark.parametrize("case", WRITTEN)
def test_a_number_is_read_as_people_write_it(case: str) -> None:
    cells, expected = WRITTEN[case]
    reading, values = read_cells(cells, "number")
    assert values == expected
    assert (reading.kind, reading.unread) == ("number", 0)


@pytest.mark.parametrize(
    "cell",
    ["inf", "-Infinity", "1e999", "1_000", "0x1F", "was 12.00 now 9.00", "12-15", "1,2,3", "12.5.2024", "five", "4+"],
)
def test_what_is_no_number_is_present_and_unread(cell: str) -> None:
    reading, values = read_cells(["5", "6.5", cell], "number")
    assert values == [5, 6.5, None]
    assert (reading.cells, reading.unread) == (3, 1)
    assert reading.notes == ("x: 1 of 3 cells hold no number and are missing",)


def test_plain_numbers_cost_a_cast_and_nothing_else() -> None:
    reading, _ = read_cells(["1", "2.5", ""], "number")
    assert reading.value == 'TRY_CAST("x" AS DOUBLE)'
    assert reading.notes == ()


def test_one_decimal_comma_decides_for_every_cell() -> None:
    """``1.234`` alone is a fraction; beside ``2,5`` its point parts thousands."""
    assert read_cells(["1.234", "2.5"], "number")[1] == [1.234, 2.5]
    reading, values = read_cells(["1.234", "2,5"], "number")
    assert values == [1234, 2.5]
    assert reading.how == "numbers with a decimal comma"


def test_what_the_mapping_says_of_the_decimal_sign_is_obeyed() -> None:
    assert read_cells(["1.234", "12"], "number", decimal=",")[1] == [1234, 12]
    assert read_cells(["1,234", "1500"], "number", decimal=".")[1] == [1234, 1500]


def test_what_can_be_read_both_ways_is_told_with_the_key_that_decides() -> None:
    for cells in (["1,234", "999"], ["1,234", "1500"], ["1.234", "12.500"]):
        (note,) = read_cells(cells, "number")[0].notes
        assert "write decimal: " in note
    assert read_cells(["1.234", "12.50"], "number")[0].notes == ()


def test_several_currencies_in_one_column_are_told_with_counts() -> None:
    reading, _ = read_cells(["€5", "€6", "$7"], "number")
    assert reading.notes == (
        "x: several currencies, which are not converted: currency signs are left out (€ in 2, $ in 1 cells)",
    )


@pytest.mark.parametrize(
    "dtype, cells, expected, unread",
    [
        (pa.int64(), [2**40, None], [float(2**40), None], 0),
        (pa.uint64(), [2**63], [float(2**63)], 0),
        (pa.decimal128(12, 2), [Decimal("12.50"), Decimal("-3")], [12.5, -3.0], 0),
        (pa.float64(), [1.5, float("nan"), float("inf")], [1.5, None, None], 1),
        (pa.float32(), [1.5], [1.5], 0),
        (pa.bool_(), [True, False], [1.0, 0.0], 0),
        (pa.dictionary(pa.int8(), pa.string()), ["1,234.5", "2"], [1234.5, 2.0], 0),
        (pa.timestamp("us"), [1], [None], 1),
    ],
)
def test_a_typed_column_keeps_its_numbers(dtype: pa.DataType, cells: list, expected: list, unread: int) -> None:
    reading, values = read_cells(cells, "number", dtype)
    assert values == expected
    assert reading.unread == unread


FORMATS = [(group, point) for group in (",", "", "'", " ", "\u00a0") for point in "."] + [
    (group, point) for group in (".", "", "'", " ", "\u202f") for point in ","
]
AROUND = ["{}", "€{}", "{} €", "$ {}", "{} %", "USD {}", "{} kr"]
NEGATIVE = ["-{}", "({})", "{}-", "−{}"]


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.decimals(min_value=-(10**9), max_value=10**9, places=2), max_size=12),
    st.sampled_from(FORMATS), st.sampled_from(AROUND), st.sampled_from(NEGATIVE), st.integers(0, 9),
)  # fmt: skip
def test_numbers_written_in_one_format_are_read_back(
    drawn: list[Decimal], signs: tuple[str, str], around: str, negative: str, seed: int
) -> None:
    numbers = [*drawn, Decimal("1234.56"), Decimal("0.05")]
    random.Random(seed).shuffle(numbers)
    swap = str.maketrans({",": signs[0], ".": signs[1]})

    def write(number: Decimal) -> str:
        text = f"{abs(number):,.2f}".translate(swap)
        return around.format(negative.format(text) if number < 0 else text)

    reading, values = read_cells([write(number) for number in numbers], "number")
    assert values == [float(number) for number in numbers]
    assert reading.unread == 0
