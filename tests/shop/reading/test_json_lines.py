from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import pytest
from sources import read_bytes, rows_of, values_of

from purchasing_power.errors import DataError

LINES = (
    '{"id": "007", "n": 9007199254740993, "day": "01-02-2024", "tags": ["a"], "mixed": "x"}\n'
    '{"id": "8", "n": 1, "day": "2024-02-01", "buyer": {"city": "很"}, "mixed": 5}\n'
)


@pytest.mark.parametrize("text", [LINES, "[" + LINES.replace("}\n{", "},\n{") + "]", "\ufeff" + LINES])
def test_objects_are_rows_typed_by_all_of_them_and_days_stay_text(tmp_path: Path, text: str) -> None:
    source = read_bytes(tmp_path, "orders.json", text)
    assert source.columns == {
        "id": "VARCHAR",
        "n": "BIGINT",
        "day": "VARCHAR",
        "tags": "VARCHAR[]",
        "mixed": "VARCHAR",
        "buyer": "STRUCT(city VARCHAR)",
    }
    assert rows_of(source) == [
        (1, "007", 9007199254740993, "01-02-2024", ["a"], "x", None),
        (2, "8", 1, "2024-02-01", None, "5", {"city": "很"}),
    ]
    assert (source.rows, source.written) == (2, False)


def test_days_and_times_stay_as_written(tmp_path: Path) -> None:
    text = '{"d": "2024-01-02", "t": "2024-01-02T10:00:00Z", "m": "03-04-2024"}\n' * 3
    assert values_of(read_bytes(tmp_path, "a.jsonl", text, rows=1)) == [
        ("2024-01-02", "2024-01-02T10:00:00Z", "03-04-2024")
    ]


def test_whole_numbers_beyond_64_bits_are_kept(tmp_path: Path) -> None:
    source = read_bytes(tmp_path, "a.ndjson", '{"h": 18446744073709551615}\n{"h": 1}\n')
    assert values_of(source) == [(Decimal(18446744073709551615),), (Decimal(1),)]


def test_packed_json_in_another_encoding_is_read(tmp_path: Path) -> None:
    source = read_bytes(tmp_path, "a.jsonl.gz", gzip.compress('{"评论": "屏幕很好"}\n'.encode("gb18030")))
    assert values_of(source) == [("屏幕很好",)]
    assert source.notes == ("a.jsonl.gz: unpacked from gzip, read as GB18030",)


@pytest.mark.parametrize("text", ['{"id": 1}\n{"id": \n', "[1, 2, 3]", "", "id,n\n1,2\n"])
def test_what_is_no_json_objects_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match=r"a\.json.*one object a line, or one array of objects"):
        read_bytes(tmp_path, "a.json", text)
