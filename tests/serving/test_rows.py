"""Tests of a request's rows: each column has a rule, and a refusal names the column and the rule, never a value."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tables import panel

from purchasing_power.serving.rows import RequestColumns, Rows, read_rows
from purchasing_power.serving.rules import Limits, RequestError, read_limits

META = panel().meta
COLUMNS = RequestColumns.of(META)
SECRET = "s3cret-value"


def row(**changes: object) -> dict:
    numbers = {"spend_28d": 12.5, "orders_28d": 2, "days_since_order": None, "noise": -0.1}
    return {"user_id": SECRET, **numbers, "region": "north", "age": None, "documents": ["red wine"], **changes}


def read(*rows: object, **limits: int) -> Rows:
    return read_rows(json.loads(json.dumps(list(rows))), COLUMNS, Limits(**limits))


def test_a_row_is_read_as_it_was_sent() -> None:
    found = read(row(), row(user_id=None, documents=None, age="35-44"))
    np.testing.assert_array_equal(found.numeric, [[12.5, 2, np.nan, -0.1]] * 2)
    assert found.categorical == [("north", None), ("north", "35-44")]
    assert found.documents == [["red wine"], []]
    assert found.users == [SECRET, None]


@pytest.mark.parametrize(
    ("name", "wrong", "got"),
    [
        ("spend_28d", float("nan"), "NaN"),
        ("spend_28d", float("inf"), "an infinite number"),
        ("spend_28d", 10**400, "a number too large"),
        ("spend_28d", SECRET, "a text"),
        ("orders_28d", [1], "a list"),
        ("orders_28d", {"a": 1}, "an object"),
        ("region", 7, "a number"),
        ("region", SECRET * 100, "a text too long"),
        ("user_id", 17, "a number"),
        ("cutoff", 17, "a number"),
        ("documents", SECRET, "a text"),
        ("documents", [SECRET, None], "a list with null"),
        ("documents", [["nested"]], "a list with a list"),
        ("documents", ["a"] * 5, "5 texts"),
    ],
)
def test_a_wrong_value_is_refused_by_column_and_rule(name: str, wrong: object, got: str) -> None:
    with pytest.raises(RequestError) as refusal:
        read(row(), row(**{name: wrong}), max_documents=4)
    said = str(refusal.value)
    assert f"row 1, {name}: got {got}; " in said
    assert "allowed" in said
    assert SECRET not in said


def test_missing_and_extra_columns_are_named() -> None:
    short = row(extra=1)
    del short["noise"]
    with pytest.raises(RequestError, match=r"row 0, noise: got no such column.*row 0, extra: got an extra column"):
        read(short)


def test_a_name_that_may_be_a_value_is_not_repeated() -> None:
    with pytest.raises(RequestError) as refusal:
        read(row(**{"anna@example.com": 1, "<script>": 2}))
    assert "anna" not in str(refusal.value)
    assert "script" not in str(refusal.value)
    assert str(refusal.value).count("an extra column") == 2


def test_ten_faults_are_named_and_the_others_counted() -> None:
    with pytest.raises(RequestError, match="And 2 more") as refusal:
        read(*[row(noise="x")] * 12)
    assert str(refusal.value).count("got a text") == 10


def test_too_many_rows_and_characters_are_refused() -> None:
    with pytest.raises(RequestError, match="rows: got 3; 1 to 2 in a request are allowed"):
        read(row(), row(), row(), max_rows=2)
    with pytest.raises(RequestError, match="rows: got 0"):
        read()
    with pytest.raises(RequestError, match="documents: got 16; up to 15 characters"):
        read(row(), row(), max_characters=15)


def test_limits_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PURCHASING_POWER_MAX_ROWS", "7")
    assert read_limits() == Limits(max_rows=7)
    monkeypatch.setenv("PURCHASING_POWER_MAX_ROWS", "many")
    with pytest.raises(ValueError, match="PURCHASING_POWER_MAX_ROWS: got 'many'"):
        read_limits()
