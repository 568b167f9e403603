from __future__ import annotations

import pandas as pd
import pandera.pandas as pa

from purchasing_power.shop.checks import TableCounts, check_table, describe


def test_a_reason_never_shows_a_user_id() -> None:
    short = pa.Check.str_length(max_value=5, error="is too long")
    schema = pa.DataFrameSchema({"user_id": pa.Column("str", short), "city": pa.Column("str", short)}, name="users")
    raw = pd.DataFrame({"user_id": ["ann", "alexandra"], "city": ["Rome", "Frankfurt"]})
    bad = check_table("users", raw, schema).bad
    assert bad["reason"].tolist() == ["user_id: is too long; city: Frankfurt is too long"]


def test_a_long_value_is_cut_in_the_reason_and_whole_in_the_row() -> None:
    schema = pa.DataFrameSchema({"user_id": pa.Column("str"), "age": pa.Column("float64", nullable=True)}, name="users")
    raw = pd.DataFrame({"user_id": ["ann", "bob"], "age": ["1", "x" * 10_000]})
    bad = check_table("users", raw, schema).bad
    assert bad["reason"][0] == f"age: {'x' * 40} is not a number"
    assert len(bad["age"][0]) == 10_000


def test_a_description_says_how_many_where_first_and_what_to_do() -> None:
    counts = TableCounts(
        9,
        5,
        4,
        {"amount is below 0": 3, "key (a) repeats an earlier row": 1},
        {"amount is below 0": 2, "key (a) repeats an earlier row": 7},
    )
    assert describe(counts) == (
        "3 rows: amount is below 0 (first: row 2). Keep refunds in a table of their own. "
        "1 row: key (a) repeats an earlier row (first: row 7). "
        "Keep one row for each key; add up order lines of one product."
    )
