from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sources import CONNECTION, read_bytes, rows_of, values_of
from workbooks import write_workbook

from purchasing_power.errors import DataError
from purchasing_power.shop.reading.source import ReadOptions, Source, read_source

HEADER = ["Invoice", "StockCode", "InvoiceDate", "Price"]


def read_sheets(folder: Path, sheets: dict[str, list[list[Any]]], **options: Any) -> Source:
    path = write_workbook(folder / "book.xlsx", sheets)
    return read_source(path, folder / "scratch", CONNECTION, ReadOptions(**options))


def test_cells_keep_their_value_as_text(tmp_path: Path) -> None:
    rows = [
        [" Invoice", "StockCode", "InvoiceDate", "Price", None],
        [536365, "85123A", datetime(2010, 12, 1, 8, 26), 2.55],
        ["C536", 71053, datetime(2010, 12, 2), -1.0, None],
        [],
        ["007", "#N/A", None, 0.1],
        [True, " y ", "2011", 1e-7],
    ]
    source = read_sheets(tmp_path, {"Year": rows})
    assert list(source.columns) == HEADER
    assert rows_of(source) == [
        (1, "536365", "85123A", "2010-12-01 08:26:00", "2.55"),
        (2, "C536", "71053", "2010-12-02", "-1"),
        (3, "007", None, None, "0.1"),
        (4, "true", " y ", "2011", "1e-07"),
    ]
    assert (source.name, source.rows, source.written) == ("book.xlsx, sheet Year", 4, True)


TWO = {"Y1": [["id", "n"], [1, 2]], "Y2": [["id", "n "], [3, 4], [5, 6]], "Empty": []}


def test_of_several_sheets_with_data_one_has_to_be_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"2 sheets hold data: Y1 \(\d rows\), Y2 \(\d rows\)"):
        read_sheets(tmp_path, TWO)
    assert values_of(read_sheets(tmp_path, TWO, sheet="y2")) == [("3", "4"), ("5", "6")]
    with pytest.raises(DataError, match="no sheet y3; there are Y1, Y2, Empty"):
        read_sheets(tmp_path, TWO, sheet="Y3")


@pytest.mark.parametrize("sheet", ["*", "Y1,Y2"])
def test_rows_of_sheets_with_one_header_follow_one_another(tmp_path: Path, sheet: str) -> None:
    source = read_sheets(tmp_path, TWO, sheet=sheet)
    assert rows_of(source) == [(1, "1", "2"), (2, "3", "4"), (3, "5", "6")]
    assert source.name == "book.xlsx, sheets Y1, Y2"


def test_sheets_with_other_headers_are_not_read_together(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="other headers"):
        read_sheets(tmp_path, {"A": [["id", "n"], [1, 2]], "B": [["id", "m"], [1, 2]]}, sheet="*")


def test_rows_before_the_header_are_skipped_where_stated_and_told_otherwise(tmp_path: Path) -> None:
    sheets = {"A": [["Orders of May"], [], ["id", "n", "m"], [1, 2, 3]]}
    with pytest.raises(DataError, match="names 1 of 3 columns"):
        read_sheets(tmp_path, sheets)
    assert values_of(read_sheets(tmp_path, sheets, skip_rows=2)) == [("1", "2", "3")]


def test_a_sheet_without_a_header_is_read_by_names(tmp_path: Path) -> None:
    sheets = {"A": [[1, datetime(2024, 1, 1)], [2, datetime(2024, 1, 2)]]}
    with pytest.raises(DataError, match="first line holds values"):
        read_sheets(tmp_path, sheets)
    assert values_of(read_sheets(tmp_path, sheets, header=("id", "day"), rows=1)) == [("1", "2024-01-01")]


def test_what_is_no_workbook_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(DataError, match=r"a\.xlsx: is no readable workbook"):
        read_source(tmp_path / "a.xlsx", tmp_path / "scratch", CONNECTION)
    with pytest.raises(DataError, match="no sheet holds anything"):
        read_sheets(tmp_path, {"A": []})


def test_text_that_is_named_as_a_workbook_is_read_as_text(tmp_path: Path) -> None:
    assert values_of(read_bytes(tmp_path, "orders.xls", "id\tn\n1\t2\n".encode("utf-16"))) == [("1", "2")]


@pytest.mark.parametrize("name", ["a.csv", "a.xls"])
def test_what_is_no_text_is_refused_by_its_first_bytes(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"a\.(csv|xls): (holds a web page|is no readable workbook)"):
        read_bytes(tmp_path, name, "<html><table><tr><td>1</td></tr></table></html>")
    with pytest.raises(DataError, match=r"a\.csv: holds Parquet, no text"):
        read_bytes(tmp_path, "a.csv", b"PAR1....")
