from __future__ import annotations

import duckdb
import pytest

from purchasing_power.errors import DataError
from purchasing_power.shop.mapping.expressions import bind, column_names, parse_expression


def _value(text: str, **cells: str) -> object:
    sql = bind(parse_expression(text, "here"), lambda name, asked: cells[name])
    return duckdb.connect().execute(f"SELECT {sql}").fetchall()[0][0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a * b", 6),
        ("a / b", 1.5),
        ("abs(-a)", 3),
        ("CASE WHEN a > 2 THEN 'many' ELSE 'few' END", "many"),
        ("coalesce(nullif(a, 3), b)", 2),
        ("a IN (1, 3) AND b BETWEEN 1 AND 2", True),
        ("'x' || a", "x3"),
        ("CAST('word' AS BIGINT)", None),
        ("9223372036854775807 * a", None),
        ("'review'", "review"),
    ],
)
def test_an_expression_gives_the_value_of_its_row_and_nothing_where_a_step_fails(text: str, expected: object) -> None:
    assert _value(text, a="3", b="2") == expected


@pytest.mark.parametrize(
    "text",
    [
        "read_csv('x')",
        "(SELECT 1)",
        "a IN (SELECT 1)",
        "EXISTS (SELECT 1)",
        "a; DROP TABLE x",
        "COPY a TO 'x'",
        "ATTACH 'x'",
        "INSTALL httpfs",
        "PRAGMA version",
        "getenv('HOME')",
        "current_setting('x')",
        "sum(a)",
        "row_number() OVER ()",
        "now()",
        "random()",
        "nextval('x')",
        "COLUMNS('a')",
        "*",
        "$1",
        "?",
        "a::JSON",
        "lpad(a, 1000000000, 'x')",
        "repeat('x', 1000000000)",
        "list_transform([1], x -> x)",
        "range(1000000000)",
        "a AS b",
        "a b",
        "a,",
        "",
        "query('SELECT 1')",
        "a" * 5000,
    ],
)
def test_what_is_not_one_value_of_one_row_is_refused(text: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_expression(text, "tables.orders.columns.amount")
    assert "tables.orders.columns.amount" in str(caught.value)


def test_columns_keep_their_case_their_quotes_and_their_file() -> None:
    parsed = parse_expression('"Unit Price" * Menge + 订单.金额', "here")
    assert set(column_names(parsed)) == {"Unit Price", "Menge", "订单.金额"}


def test_a_column_is_asked_for_as_text_where_text_is_what_counts() -> None:
    asked: dict[str, str] = {}

    def note(name: str, what: str) -> str:
        asked[name] = what
        return name

    bind(
        parse_expression("a LIKE 'C%' AND b = 'x' AND c > 1 AND strptime(d, '%Y') = e AND lower(f) = 'x'", "here"), note
    )
    assert asked == {"a": "text", "b": "compared", "c": "value", "d": "text", "e": "value", "f": "text"}
