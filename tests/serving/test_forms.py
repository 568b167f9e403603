"""Tests of a body's form: every form that MLflow takes gives the same rows, and another one is refused."""

from __future__ import annotations

import pytest

from purchasing_power.serving.forms import is_raw, rows_of
from purchasing_power.serving.rules import RequestError

ROWS = [{"a": 1, "documents": ["x", "y"]}, {"a": None, "documents": []}]
COLUMNS = {"a": [1, None], "documents": [["x", "y"], []]}
SPLIT = {"columns": ["a", "documents"], "data": [[1, ["x", "y"]], [None, []]]}


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": ROWS},
        {"instances": ROWS},
        {"dataframe_records": ROWS, "params": None},
        {"inputs": COLUMNS},
        {"instances": COLUMNS},
        {"dataframe_split": SPLIT},
        {"dataframe_split": {**SPLIT, "index": [4, 9]}},
    ],
)
def test_every_form_gives_the_same_rows(body: dict) -> None:
    assert rows_of(body) == ROWS


def test_one_object_is_one_row() -> None:
    assert rows_of({"inputs": {"a": 1, "documents": ["x"]}}) == [{"a": 1, "documents": ["x"]}]


@pytest.mark.parametrize(
    "body",
    [
        None,
        7,
        [],
        ROWS,
        {},
        {"inputs": ROWS, "instances": ROWS},
        {"inputs": ROWS, "signature_name": "x"},
        {"inputs": ROWS, "params": {"a": 1}},
        {"inputs": 7},
        {"inputs": {"a": [1], "b": [1, 2]}},
        {"dataframe_records": COLUMNS},
        {"dataframe_split": ROWS},
        {"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}},
        {"dataframe_split": {"columns": ["a", "a"], "data": [[1, 2]]}},
        {"dataframe_split": {"columns": [1], "data": [[1]]}},
        {"dataframe_split": {"columns": ["a"], "data": [1]}},
    ],
)
def test_another_form_is_refused(body: object) -> None:
    with pytest.raises(RequestError):
        rows_of(body)


def test_raw_rows_are_known_by_their_lists() -> None:
    assert is_raw([{"user_id": "a", "orders": []}], frozenset())
    assert not is_raw([{"user_id": "a", "orders": 3.0}], frozenset({"orders"}))
    assert not is_raw(ROWS, frozenset())
