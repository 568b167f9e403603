from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pandas as pd
import pytest
from pandera.errors import SchemaErrors

from purchasing_power.shop.contract import (
    KEYS,
    REQUIRED_TABLES,
    SCHEMAS,
    TIMES,
    USER_COLUMNS,
    key_schema,
    naive_utc,
    schemas,
)


def _campaigns(sent_at: str) -> pd.DataFrame:
    times = pd.to_datetime([sent_at]).astype("datetime64[us]")
    return pd.DataFrame({"user_id": ["a"], "campaign_id": ["c"], "sent_at": times})


def test_the_column_lists_name_columns_of_the_schemas() -> None:
    for lists in (KEYS, TIMES, USER_COLUMNS):
        for name, columns in lists.items():
            assert set(columns) <= set(SCHEMAS[name].columns)
    assert set(REQUIRED_TABLES) <= set(SCHEMAS)
    assert set(TIMES) == set(USER_COLUMNS) == set(SCHEMAS)


def test_a_time_after_now_is_refused_and_now_itself_is_not() -> None:
    schema = schemas(now=datetime(2024, 6, 1, tzinfo=UTC))["campaigns"]
    schema.validate(_campaigns("2024-06-01"), lazy=True)
    with pytest.raises(SchemaErrors, match="future"):
        schema.validate(_campaigns("2024-06-01 00:00:01"), lazy=True)


def test_now_is_read_in_its_own_time_zone() -> None:
    east = timezone(timedelta(hours=8))
    assert naive_utc(datetime(2024, 6, 1, 8, tzinfo=east)) == pd.Timestamp("2024-06-01")
    assert naive_utc(datetime(2024, 6, 1, 8)) == pd.Timestamp("2024-06-01 08:00")


def test_the_first_row_of_a_key_is_right() -> None:
    frame = pd.DataFrame({"product_id": ["p", "q", "p", "p"]})
    with pytest.raises(SchemaErrors) as caught:
        key_schema("products").validate(frame, lazy=True)
    assert sorted(caught.value.failure_cases["index"]) == [2, 3]


def test_a_table_without_a_key_may_repeat_rows() -> None:
    frame = pd.DataFrame({"user_id": ["a", "a"]})
    assert len(key_schema("events").validate(frame, lazy=True)) == 2
