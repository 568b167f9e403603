from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pandas as pd

from purchasing_power.shop.contract import KEYS, REQUIRED_TABLES, TABLES, TIMES, USER_COLUMNS, naive_utc


def test_the_column_lists_name_columns_of_the_contract() -> None:
    for lists in (KEYS, TIMES, USER_COLUMNS):
        for name, columns in lists.items():
            assert set(columns) <= set(TABLES[name])
    assert set(REQUIRED_TABLES) <= set(TABLES)
    assert set(TIMES) == set(USER_COLUMNS) == set(TABLES)


def test_now_is_read_in_its_own_time_zone() -> None:
    east = timezone(timedelta(hours=8))
    assert naive_utc(datetime(2024, 6, 1, 8, tzinfo=east)) == pd.Timestamp("2024-06-01")
    assert naive_utc(datetime(2024, 6, 1, 8)) == pd.Timestamp("2024-06-01 08:00")
