from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sources import CONNECTION, ragged_of, read_bytes, rows_of, values_of

from purchasing_power.errors import DataError
from purchasing_power.shop.reading import delimited
from purchasing_power.shop.reading.source import ReadOptions, read_source

ROWS = [("1", "a"), ("2", "b")]


def test_values_stay_as_written_and_an_empty_field_is_null(tmp_path: Path) -> None:
    source = read_bytes(tmp_path, "orders.csv", 'id,text,n\n007,"a, ""b""\nc 😀",1.50\n,"很好",""\n')
    assert rows_of(source) == [(1, "007", 'a, "b"\nc 😀', "1.50"), (2, None, "很好", None)]
    assert source.columns == {"id": "VARCHAR", "text": "VARCHAR", "n": "VARCHAR"}
    assert (source.name, source.rows, source.written, source.notes) == ("orders.csv", 2, True, ())


@pytest.mark.parametrize(
    "name, text, note",
    [
        ("a.csv", "id;n\n1;a\n2;b\n", 'fields separated by ";"'),
        ("a.tsv", "id\tn\n1\ta\n2\tb\n", "fields separated by a tab"),
        ("a.dat", "id|n\n1|a\n2|b\n", 'fields separated by "|"'),
        ("a.csv", "sep=;\r\nid;n\r\n1;a\r\n2;b\r\n", "`sep=` line"),
        ("a.csv", "\ufeffid,n\n1,a\n2,b\n", "byte order mark"),
        ("a.csv", "id,n\r1,a\r2,b\r", ""),
        ("a.csv", "id,n\n\n1,a\n   \n\n2,b\n\n", ""),
        ("a.csv", "'id','n'\n'1','a'\n'2','b'\n", "quoted by '"),
        ("a.csv", " id ,n \n1,a\n2,b\n", "blanks around column names"),
        ("a.csv", 'id, "n"\n"1", "a"\n"2", "b"\n', ""),
    ],
)
def test_how_a_file_is_written_is_found_and_told(tmp_path: Path, name: str, text: str, note: str) -> None:
    source = read_bytes(tmp_path, name, text)
    assert list(source.columns) == ["id", "n"]
    assert values_of(source) == ROWS
    assert note in " ".join(source.notes) and bool(source.notes) == bool(note)


@pytest.mark.parametrize(
    "text", ["id,n,\n1,a,\n2,b,\n", "id,n\n1,a,\n2,b,\n", "id,n,\n1,a\n2,b\n", "id,n,,\n1,a,,\n2,b,,\n"]
)
def test_a_delimiter_at_the_end_of_every_row_or_of_the_header_makes_no_column(tmp_path: Path, text: str) -> None:
    source = read_bytes(tmp_path, "a.csv", text)
    assert list(source.columns) == ["id", "n"]
    assert (values_of(source), source.ragged) == (ROWS, None)


def test_a_column_without_a_name_that_holds_values_is_named_by_its_place(tmp_path: Path) -> None:
    assert list(read_bytes(tmp_path, "a.csv", ",id\n0,x\n1,y\n").columns) == ["Unnamed: 0", "id"]
    unnamed_rows = read_bytes(tmp_path, "b.csv", "id,n\n1,x,3\n2,y,4\n")
    assert list(unnamed_rows.columns) == ["Unnamed: 0", "id", "n"]
    assert values_of(unnamed_rows) == [("1", "x", "3"), ("2", "y", "4")]


def test_ragged_rows_are_set_aside_one_by_one_and_the_others_keep_their_numbers(tmp_path: Path) -> None:
    text = 'id,n\n1,a\n\n2\n   \n"3","b\nb"\n4,c,d\n5,e\nid,n\n6,f\n7,g\n8,h\n9,i\n'
    source = read_bytes(tmp_path, "a.csv", text)
    assert [row[0] for row in rows_of(source)] == [1, 3, 5, 7, 8, 9, 10]
    assert ragged_of(source) == [
        (2, "has 1 field instead of 2", "2"),
        (4, "has 3 fields instead of 2", "4,c,d"),
        (6, "repeats the header", "id,n"),
    ]
    assert source.rows == 10


def test_row_numbers_are_right_over_many_blocks_of_the_parser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "_BLOCKS", (500, 1 << 20))
    lines = [f"{n},x" if n % 7 else f"{n}" if n % 2 else "" for n in range(1, 2001)]
    lines[1500] = "1501," + "long" * 1000
    source = read_bytes(tmp_path, "a.csv", "id,t\n" + "\n".join(lines) + "\n")
    data = [line for line in lines if line]
    whole = [(place, line.split(",")[0]) for place, line in enumerate(data, 1) if "," in line]
    assert [row[:2] for row in rows_of(source)] == whole
    assert [row[0] for row in ragged_of(source)] == [place for place, line in enumerate(data, 1) if "," not in line]


def test_a_file_most_of_whose_rows_are_ragged_is_refused_with_what_was_seen(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'2 of 3 rows \(67%\) do not have 2 fields .first: row 2, 3 fields.*"," with'):
        read_bytes(tmp_path, "a.csv", "id,n\n1,2\nsecret,2,3\nsecret,3,4,\n")


def test_no_message_holds_a_value_of_a_row(tmp_path: Path) -> None:
    for text in (
        "id,n\nsecret,2,3\n",
        'id,n,m\n1,"secret,2\n2,b,c\n3,"d",f\n4,"e",g\n',
        "secret1,2024-01-01\ns,2024-01-02\n",
    ):
        with pytest.raises(DataError) as caught:
            read_bytes(tmp_path, "a.csv", text)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "a,a\n1,2\n", "a, a\n1,2\n", ",\n1,2\n"])
def test_a_header_of_distinct_names_is_needed(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError, match="header"):
        read_bytes(tmp_path, "orders.csv", content)


def test_names_that_differ_by_case_alone_are_two_columns(tmp_path: Path) -> None:
    source = read_bytes(tmp_path, "a.csv", "Age,age\n1,2\n")
    assert list(source.columns) == ["Age", "age_2"]
    assert CONNECTION.execute(f'SELECT "Age", "age_2" FROM {source.relation}').fetchall() == [("1", "2")]
    assert "case alone" in source.notes[0]


@pytest.mark.parametrize(
    "text", ["1,2024-01-05,3.5\n2,2024-01-06,4\n", "u1,2024-01-05\nu2,2024-01-06\n", " 1 2.5\n 2 3.5\n"]
)
def test_a_first_line_of_values_is_no_header_and_the_message_says_how_to_name_columns(
    tmp_path: Path, text: str
) -> None:
    with pytest.raises(DataError, match=r"first line holds values.*`read: \{a\.csv: \{header: \["):
        read_bytes(tmp_path, "a.csv", text)


@pytest.mark.parametrize("header", ["user,2023,2024", "0,1,2", "id,day,n"])
def test_names_with_digits_are_names(tmp_path: Path, header: str) -> None:
    assert list(read_bytes(tmp_path, "a.csv", f"{header}\n7,8,9\n").columns) == header.split(",")


def test_a_file_without_a_header_is_read_by_names(tmp_path: Path) -> None:
    text = " 00001 19970101  1   11.77\n 00001 19970112 12   12.00 \n"
    source = read_bytes(tmp_path, "log.txt", text, header=("user", "day", "n", "amount"))
    assert list(source.columns) == ["user", "day", "n", "amount"]
    assert rows_of(source) == [(1, "00001", "19970101", "1", "11.77"), (2, "00001", "19970112", "12", "12.00")]
    assert list(read_bytes(tmp_path, "a.csv", "1,2\n3,4\n", header=False).columns) == ["column_1", "column_2"]


def test_what_options_state_is_not_guessed(tmp_path: Path) -> None:
    assert values_of(read_bytes(tmp_path, "a.csv", "a::b\n1::2\n", delimiter="::")) == [("1", "2")]
    assert values_of(read_bytes(tmp_path, "a.csv", "a,b;c\n1,2;3\n", delimiter=";")) == [("1,2", "3")]
    assert values_of(read_bytes(tmp_path, "a.csv", 'a,b\n"1",2\n', quote="")) == [('"1"', "2")]
    assert values_of(read_bytes(tmp_path, "a.csv", "May\n\na,b\n1,2\n", skip_rows=2)) == [("1", "2")]
    limited = read_bytes(tmp_path, "a.csv", "a,b\n1,2\n3\n4,5\n6,7\n", rows=3)
    assert ([row[0] for row in rows_of(limited)], limited.rows) == ([1, 3], 3)
    assert values_of(read_bytes(tmp_path, "a.csv", "a\n\xe9\n".encode("cp1250"), encoding="cp1250")) == [("é",)]
    with pytest.raises(DataError, match="encoding nope is unknown"):
        read_bytes(tmp_path, "a.csv", "a\n1\n", encoding="nope")


def test_lines_before_the_header_are_told_with_their_number(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"first line has 1 field.*skip_rows: 2\}"):
        read_bytes(tmp_path, "a.csv", "Orders of May\n\nid,n\n1,2\n3,4\n")
    with pytest.raises(DataError, match=r"names 1 of 3 columns"):
        read_bytes(tmp_path, "a.csv", "Orders of May;;\n\nid;n;m\n1;2;3\n3;4;5\n")


def test_a_second_table_under_the_first_is_told_with_the_row_where_it_begins(tmp_path: Path) -> None:
    text = "id,day,n\n" + "1,2024-01-01,3\n" * 9 + "\nproduct,price\n1,2\n"
    with pytest.raises(DataError, match=r"from row 10 to the end 2 rows have 2 fields instead of 3.*rows: 9\}"):
        read_bytes(tmp_path, "a.csv", text)
    assert read_bytes(tmp_path, "a.csv", text, rows=9).rows == 9


def test_a_single_column_of_text_keeps_its_commas(tmp_path: Path) -> None:
    assert values_of(read_bytes(tmp_path, "a.txt", "text\nhello, you, there\nno\nat, last\n")) == [
        ("hello, you, there",), ("no",), ("at, last",)
    ]  # fmt: skip


def test_quotes_that_do_not_close_are_text_and_swallow_no_row(tmp_path: Path) -> None:
    source = read_bytes(tmp_path, "a.tsv", 'id\ttext\n1\t"so" he said\n2\t"open\n3\t5" wide\n')
    assert values_of(source) == [("1", '"so" he said'), ("2", '"open'), ("3", '5" wide')]
    with pytest.raises(DataError, match=r"row 1 opens a field with \" that does not close"):
        read_bytes(tmp_path, "b.csv", 'id,t,n\n1,"x,2\n2,y,3\n3,"z",4\n4,"z",4\n')


def test_a_quote_that_opens_far_down_does_not_swallow_the_rest(tmp_path: Path) -> None:
    lines = "".join(f"{n}\tplain text of a row\n" for n in range(12_000))
    source = read_bytes(tmp_path, "a.tsv", "id\ttext\n" + lines + '12000\t"open\n12001\tend\n')
    assert source.rows == 12_002
    with pytest.raises(DataError, match="row 12001 opens a field"):
        read_bytes(tmp_path, "b.tsv", 'id\ttext\n"0"\t"x"\n' + lines[21:] + '12000\t"open\n12001\tend\n')


def test_quotes_escaped_by_a_backslash_are_read(tmp_path: Path) -> None:
    source = read_bytes(tmp_path, "a.csv", 'id,text\n1,"a \\"b\\", c"\n2,"d"\n')
    assert values_of(source) == [("1", 'a "b", c'), ("2", "d")]
    paths = read_bytes(tmp_path, "b.csv", 'id,path\n1,"C:\\dir\\"\n2,"D:\\"\n')
    assert values_of(paths) == [("1", "C:\\dir\\"), ("2", "D:\\")]


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_packed_files_are_read_by_their_content(tmp_path: Path, packing: str) -> None:
    data = "id;n\n1;好\n".encode("gb18030")
    packed = gzip.compress(data) if packing == "gzip" else pa.compress(data, codec="zstd", asbytes=True)
    source = read_bytes(tmp_path, "orders.csv.packed", packed)
    assert values_of(source) == [("1", "好")]
    assert f"unpacked from {packing}, read as GB18030" in source.notes[0]
    if packing == "gzip":
        with pytest.raises(DataError, match="cannot be unpacked as gzip"):
            read_bytes(tmp_path, "orders.csv.gz", packed[:-12])


def test_nothing_but_the_staged_rows_stays_in_scratch(tmp_path: Path) -> None:
    read_bytes(tmp_path, "a.csv.gz", gzip.compress(b"a b\n1 2\n3 4\n"))
    assert [path.name for path in (tmp_path / "scratch").iterdir()] == ["a.csv.gz.parquet"]


def test_two_files_of_one_name_are_staged_apart(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    first, second = read_bytes(tmp_path, "a.csv", "a\n1\n"), None
    (tmp_path / "x" / "a.csv").write_text("a\n2\n")
    second = read_source(tmp_path / "x" / "a.csv", tmp_path / "scratch", CONNECTION, ReadOptions())
    assert (values_of(first), values_of(second)) == ([("1",)], [("2",)])


CELLS = st.text(st.sampled_from("abzäüé 很好用😀,;|\t\"'\n.5-"), max_size=8)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=12),
    st.sampled_from(",;\t|"),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]),
)
def test_what_a_csv_writer_writes_comes_back(
    tmp_path: Path, cells: list[list[str]], delimiter: str, encoding: str
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([["one", "two", "three"], *cells])
    stated = "gb18030" if encoding == "gb18030" else None
    source = read_bytes(tmp_path, "a.csv", text.getvalue().encode(encoding), encoding=stated)
    assert values_of(source) == [tuple(cell or None for cell in row) for row in cells]
