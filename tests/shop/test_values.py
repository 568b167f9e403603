from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from purchasing_power.shop.values import as_numbers, as_text, as_times, open_column


@pytest.mark.parametrize(
    "values", [["7", None], [7, None], np.array([7.0, np.nan]), pd.array([7, None], dtype="Int64")]
)
def test_a_whole_number_gives_the_same_id_text_from_every_type(values: object) -> None:
    text = as_text(pd.Series(values))
    assert text[0] == "7" and pd.isna(text[1])


def test_blank_text_is_missing_and_other_text_is_kept_as_it_is() -> None:
    text = as_text(pd.Series(["", "  ", " a ", "耳机 😀"]))
    assert text.isna().tolist() == [True, True, False, False]
    assert text[2:].tolist() == [" a ", "耳机 😀"]


def test_words_and_times_are_no_numbers() -> None:
    assert as_numbers(pd.Series(["1.5", "abc", "1,000", None])).isna().tolist() == [False, True, True, True]
    assert as_numbers(pd.Series(pd.to_datetime(["2024-01-01"]))).isna().all()
    assert as_numbers(pd.Series([Decimal("1.5")]))[0] == 1.5


def test_times_are_utc_in_microseconds_whatever_their_zone() -> None:
    given = pd.Series(["2024-01-01T08:00:00+08:00", "2024-01-01T00:00:00Z", "2024-01-01", "2023-12-31 19:00:00-05:00"])
    times = as_times(given)
    assert times.dtype == "datetime64[us]"
    assert (times == pd.Timestamp("2024-01-01")).all()
    zoned = pd.Series(pd.to_datetime(["2024-01-01 08:00"]).tz_localize("Asia/Shanghai"))
    assert as_times(zoned)[0] == pd.Timestamp("2024-01-01")


@pytest.mark.parametrize("value", ["now", "today", "31.01.2024", "01/02/2024", "1704067200", "soon", "2024-13-01"])
def test_what_is_no_iso_time_is_missing(value: str) -> None:
    assert as_times(pd.Series([value])).isna().all()


def test_a_bare_number_is_no_time() -> None:
    assert as_times(pd.Series([1_704_067_200])).isna().all()


def test_an_open_column_is_a_number_only_if_every_value_is_one() -> None:
    assert open_column(pd.Series(["1", "NA", "2.5"]))[0].tolist()[::2] == [1.0, 2.5]
    assert open_column(pd.Series(["1", "3+"]))[0].tolist() == ["1", "3+"]
    assert open_column(pd.Series(["01234", "12345"]))[0].tolist() == ["01234", "12345"]
    assert open_column(pd.Series([True, False]))[0].tolist() == [1.0, 0.0]


def test_infinite_values_become_missing_with_a_note() -> None:
    column, note = open_column(pd.Series([1.0, np.inf, -np.inf]))
    assert column.isna().tolist() == [False, True, True]
    assert "2 infinite" in note


def test_lists_are_left_out_with_a_note() -> None:
    column, note = open_column(pd.Series([[1], [2]]))
    assert column is None and "left out" in note
