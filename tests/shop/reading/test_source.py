from __future__ import annotations

from pathlib import Path

import pytest

from purchasing_power.errors import DataError
from purchasing_power.shop.reading.source import find_column, find_sources
from purchasing_power.shop.reading.sql import identifier, literal


def test_tables_of_a_folder_are_found_by_their_stem(tmp_path: Path) -> None:
    names = ["Orders.CSV", "users.tsv.gz", " products .xlsx", "events.jsonl.zst", "texts.parquet", "a.b.csv"]
    for name in [*names, ".hidden.csv", "_log.csv", "readme.md", "picture.png"]:
        (tmp_path / name).touch()
    (tmp_path / "follows").mkdir()
    (tmp_path / "follows" / "part-0.parquet").touch()
    (tmp_path / "pictures").mkdir()
    found = {stem: path.name for stem, path in find_sources(tmp_path).items()}
    stems = ["orders", "users", "products", "events", "texts", "a.b"]
    assert found == {**dict(zip(stems, names, strict=True)), "follows": "follows"}


@pytest.mark.parametrize("other", ["orders.csv.gz", "ORDERS.xlsx"])
def test_a_table_that_stands_twice_is_refused_with_both_names(tmp_path: Path, other: str) -> None:
    for name in ("orders.csv", other):
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=r"orders: found .* and .*; a table stands once") as caught:
        find_sources(tmp_path)
    assert "orders.csv" in str(caught.value) and other in str(caught.value)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder at"):
        find_sources(tmp_path / "none")


def test_a_column_is_found_exactly_first_and_then_without_case_and_blanks() -> None:
    assert find_column(["Age", "age"], "age") == "age"
    assert find_column([" User ID", "n"], "user id ") == " User ID"
    assert find_column(["Age", "AGE"], "age") is None
    assert find_column(["n"], "m") is None


def test_names_and_text_are_quoted_for_sql() -> None:
    assert (identifier('a"b'), literal("a'b")) == ('"a""b"', "'a''b'")
