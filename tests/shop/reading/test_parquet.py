from __future__ import annotations

import uuid
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from sources import CONNECTION, read_bytes, rows_of, values_of

from purchasing_power.errors import DataError
from purchasing_power.shop.reading.source import ReadOptions, Source, read_source

KEY = uuid.UUID("550e8400-e29b-41d4-a716-446655440000")


def read_path(path: Path, **options: int) -> Source:
    return read_source(path, path.parent / "scratch", CONNECTION, ReadOptions(**options))  # type: ignore[arg-type]


def test_types_and_values_of_parquet_stay(tmp_path: Path) -> None:
    columns = {
        "big": (pa.array([2**53 + 1, None]), "BIGINT", 2**53 + 1),
        "hash": (pa.array([2**64 - 1, None], pa.uint64()), "UBIGINT", 2**64 - 1),
        "uuid": (pa.ExtensionArray.from_storage(pa.uuid(), pa.array([KEY.bytes, None], pa.binary(16))), "UUID", KEY),
        "price": (pa.array([Decimal("1.50"), None]), "DECIMAL(3,2)", Decimal("1.50")),
        "brand": (pa.array(["x", None]).dictionary_encode(), "VARCHAR", "x"),
        "day": (pa.array([date(2024, 1, 1), None]), "DATE", date(2024, 1, 1)),
        "bytes": (pa.array([b"abc", None]), "VARCHAR", "abc"),
        "none": (pa.nulls(2), "VARCHAR", None),
        "list": (pa.array([[1, 2], None]), "BIGINT[]", [1, 2]),
        "file_row_number": (pa.array([7, None]), "BIGINT", 7),
    }
    pq.write_table(pa.table({name: column for name, (column, _, _) in columns.items()}), tmp_path / "a.parquet")
    source = read_path(tmp_path / "a.parquet")
    assert source.columns == {name: kind for name, (_, kind, _) in columns.items()}
    assert values_of(source) == [tuple(value for _, _, value in columns.values()), (None,) * len(columns)]
    assert (source.rows, source.written, source.notes) == (2, False, ())


def test_times_of_parquet_keep_their_instant_and_their_nanoseconds(tmp_path: Path) -> None:
    instant = pd.Timestamp("2024-03-31 01:30:00.123456789", tz="UTC")
    columns = {
        "ns": pa.array([instant.value], pa.timestamp("ns")),
        "zone": pa.array([instant.value // 1000], pa.timestamp("us", tz="Europe/Berlin")),
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    source = read_path(tmp_path / "a.parquet")
    read = CONNECTION.execute(f"SELECT epoch_ns(ns), epoch_us(zone) FROM {source.relation}").fetchone()
    assert read == (instant.value, instant.value // 1000)


def test_bytes_that_are_no_text_are_read_as_hexadecimal_and_told(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [b"ab", b"\xff\x01", None]}), tmp_path / "a.parquet")
    source = read_path(tmp_path / "a.parquet")
    assert values_of(source) == [("6162",), ("ff01",), (None,)]
    assert "hexadecimal" in source.notes[0]


def test_names_of_parquet_are_trimmed_and_told_apart(tmp_path: Path) -> None:
    pq.write_table(pa.table({" id ": [1], "Age": [2], "age": [3]}), tmp_path / "a.parquet")
    source = read_path(tmp_path / "a.parquet")
    assert rows_of(source) == [(1, 1, 2, 3)]
    assert list(source.columns) == ["id", "Age", "age_2"]


def test_rows_of_parts_are_numbered_in_the_order_of_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "orders"
    folder.mkdir()
    for name, values in (("part-1", [3, 4]), ("part-0", [1, 2]), ("part-2", [5])):
        pq.write_table(pa.table({"id": values}), folder / f"{name}.parquet")
    (folder / "_SUCCESS").touch()
    source = read_path(folder)
    assert rows_of(source) == [(n, n) for n in range(1, 6)]
    assert source.rows == 5
    assert [row[0] for row in rows_of(read_path(folder, rows=3))] == [1, 2, 3]


def test_columns_in_the_names_of_folders_are_read_as_text(tmp_path: Path) -> None:
    pq.write_to_dataset(pa.table({"id": [1, 2], "shop": ["007", "8"]}), tmp_path / "orders", partition_cols=["shop"])
    assert values_of(read_path(tmp_path / "orders")) == [(1, "007"), (2, "8")]


def test_parts_of_other_types_are_read_together_and_told(tmp_path: Path) -> None:
    (tmp_path / "orders").mkdir()
    pq.write_table(pa.table({"id": pa.array([1], pa.int32()), "n": pa.nulls(1)}), tmp_path / "orders" / "a.parquet")
    pq.write_table(pa.table({"n": ["x"], "id": pa.array([2**40])}), tmp_path / "orders" / "b.parquet")
    source = read_path(tmp_path / "orders")
    assert values_of(source) == [(1, None), (2**40, "x")]
    assert "other columns or types" in source.notes[0]


@pytest.mark.parametrize("content", [b"PAR1 nothing", b"id,n\n1,2\n", b""])
def test_what_is_no_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match=r"orders\.parquet: is no readable Parquet"):
        read_bytes(tmp_path, "orders.parquet", content)


def test_a_folder_without_parts_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "orders").mkdir()
    with pytest.raises(DataError, match="no Parquet file in the folder"):
        read_path(tmp_path / "orders")
    with pytest.raises(DataError, match="no file or folder"):
        read_path(tmp_path / "none.csv")


def test_an_arrow_file_is_read_with_its_types(tmp_path: Path) -> None:
    feather.write_feather(pa.table({"id": [2**53 + 1], "at": [datetime(2024, 1, 1)]}), tmp_path / "a.feather")
    source = read_path(tmp_path / "a.feather")
    assert (source.name, rows_of(source)) == ("a.feather", [(1, 2**53 + 1, datetime(2024, 1, 1))])
    with pytest.raises(DataError, match="no readable Arrow file"):
        read_bytes(tmp_path, "b.feather", b"id,n\n")
