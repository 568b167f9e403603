from __future__ import annotations

import os
from datetime import date
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from purchasing_power import atomic_folder
from purchasing_power.errors import DataError
from purchasing_power.shop.tables import open_folder, read_table, scan, shop_folder, unknown_names, write_tables

FRAME = pd.DataFrame({"user_id": ["a", "b"], "amount": [1.0, 2.0]})


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    folder = write_tables({"orders": FRAME}, tmp_path / "shop")
    pd.testing.assert_frame_equal(open_folder(folder)["orders"], FRAME)


def test_a_folder_of_parquet_parts_is_one_table(tmp_path: Path) -> None:
    (tmp_path / "orders").mkdir()
    FRAME.to_parquet(tmp_path / "orders" / "part-0.parquet")
    FRAME.to_parquet(tmp_path / "orders" / "part-1.parquet")
    assert len(open_folder(tmp_path)["orders"]) == 4


def test_a_csv_is_read_as_text_with_empty_fields_missing(tmp_path: Path) -> None:
    (tmp_path / "texts.csv").write_text('\ufeffuser_id,text\n01,"a, ""b""\nc 😀"\n,"很好"\n', encoding="utf-8")
    frame = open_folder(tmp_path)["texts"]
    assert list(frame.columns) == ["user_id", "text"]
    assert frame["user_id"][0] == "01" and pd.isna(frame["user_id"][1])
    assert frame["text"].tolist() == ['a, "b"\nc 😀', "很好"]


def test_a_csv_that_is_not_utf8_is_refused_with_the_byte_position(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_bytes(b"user_id\n" + "很好".encode("gb18030") + b"\n")
    with pytest.raises(DataError, match=r"orders\.csv: byte 8 is not UTF-8.*Re-encode"):
        open_folder(tmp_path)


def test_a_character_cut_by_the_reading_buffer_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("purchasing_power.shop.tables._CHUNK", 7)
    text = "很好用😀" * 9
    (tmp_path / "orders.csv").write_text(f"a\n{text}\n", encoding="utf-8")
    (tmp_path / "users.csv").write_bytes(f"a\n{text}".encode()[:-1])
    assert read_table(tmp_path / "orders.csv")["a"].tolist() == [text]
    with pytest.raises(DataError, match="byte 115 is not UTF-8"):
        read_table(tmp_path / "users.csv")


def test_a_csv_row_of_another_width_is_refused_with_its_line_and_without_its_text(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("a,b\n1,2\nsecret,2,3\n")
    with pytest.raises(DataError, match=r"1 rows do not have 2 fields \(first: line 3\)") as caught:
        open_folder(tmp_path)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "a,a\n1,2\n"])
def test_a_csv_needs_a_header_of_distinct_names(tmp_path: Path, content: str) -> None:
    (tmp_path / "orders.csv").write_text(content)
    with pytest.raises(DataError, match="header"):
        open_folder(tmp_path)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder"):
        open_folder(tmp_path / "none")


def test_a_table_that_stands_twice_is_refused(tmp_path: Path) -> None:
    FRAME.to_parquet(tmp_path / "orders.parquet")
    FRAME.to_csv(tmp_path / "orders.csv")
    with pytest.raises(DataError, match=r"orders\.parquet and orders\.csv"):
        open_folder(tmp_path)


def test_a_broken_parquet_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "orders.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(DataError, match="no readable Parquet"):
        open_folder(tmp_path)


def test_decimals_dates_dictionaries_and_bytes_arrive_as_plain_values(tmp_path: Path) -> None:
    columns = {
        "amount": pa.array([Decimal("1.50")]),
        "ordered_at": pa.array([date(2024, 1, 1)]),
        "brand": pa.array(["x"]).dictionary_encode(),
        "title": pa.array([b"abc"]),
    }
    pq.write_table(pa.table(columns), tmp_path / "orders.parquet")
    row = open_folder(tmp_path)["orders"].iloc[0]
    assert row.tolist() == [1.5, pd.Timestamp("2024-01-01"), "x", "abc"]


def test_unknown_names_are_listed(tmp_path: Path) -> None:
    FRAME.to_parquet(tmp_path / "orders.parquet")
    (tmp_path / "readme.txt").write_text("x")
    (tmp_path / "order.csv").write_text("x")
    assert unknown_names(tmp_path) == ["order.csv", "readme.txt"]


def test_scan_gives_ibis_tables_over_the_files(tmp_path: Path) -> None:
    folder = write_tables({"orders": FRAME, "users": FRAME}, tmp_path / "shop")
    tables = scan(folder)
    assert set(tables) == {"orders", "users"}
    assert tables["orders"].amount.sum().execute() == 3.0
    with pytest.raises(DataError, match="checked tables"):
        scan(tmp_path)


def test_a_failed_write_leaves_the_old_tables_and_no_draft(tmp_path: Path) -> None:
    folder = write_tables({"orders": FRAME}, tmp_path / "shop")
    with pytest.raises(RuntimeError), shop_folder(folder) as draft:
        (draft / "orders.parquet").write_text("half")
        raise RuntimeError
    pd.testing.assert_frame_equal(open_folder(folder)["orders"], FRAME)
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


def test_a_draft_of_a_killed_run_is_removed_and_one_of_a_living_run_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic_folder, "_runs_elsewhere", lambda process: process == 1)
    for name in (".shop.draft-999-x", ".shop.draft-999-x-old", ".shop.draft-1-x", ".other.draft-999-x"):
        (tmp_path / name).mkdir()
    write_tables({"orders": FRAME}, tmp_path / "shop")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other.draft-999-x", ".shop.draft-1-x", "shop"]


def test_only_a_process_that_runs_elsewhere_keeps_its_drafts() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    assert not atomic_folder._runs_elsewhere(child)
    assert atomic_folder._runs_elsewhere(os.getppid())


def test_a_folder_that_holds_other_things_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.doc").write_text("x")
    with pytest.raises(DataError, match=r"thesis\.doc"):
        write_tables({"orders": FRAME}, tmp_path / "home")
    assert (tmp_path / "home" / "thesis.doc").exists()
