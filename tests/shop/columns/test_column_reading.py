from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from read_cells import source_of

from purchasing_power.errors import DataError
from purchasing_power.shop.columns.column_reading import Formats, read_columns

WANTED = {
    "user": "id",
    "at": "time",
    "amount": "number",
    "age": "open",
    "joined": "open",
    "club": "open",
    "city": "open",
}


def _frame(rows: int = 300) -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "user": random.integers(2**53, 2**53 + 50, rows),
            "at": pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 10**9, rows), "ms"),
            "amount": random.integers(0, 10**7, rows) / 100,
            "age": random.integers(18, 80, rows).astype("float64"),
            "joined": pd.Timestamp("2020-01-01") + pd.to_timedelta(random.integers(0, 900, rows), "D"),
            "club": random.random(rows) < 0.5,
            "city": random.choice(["London", "上海", " Berlin "], rows),
        }
    )
    frame.loc[::7, "age"] = np.nan
    frame.loc[::5, ["joined", "city"]] = None
    return frame


def test_text_and_typed_files_of_one_frame_give_the_same_values(tmp_path: Path) -> None:
    frame = _frame()
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    options = pacsv.ConvertOptions(column_types=dict.fromkeys(frame.columns, pa.string()), strings_can_be_null=False)
    tables = {
        "text": pacsv.read_csv(tmp_path / "t.csv", convert_options=options),
        "typed": pq.read_table(tmp_path / "t.parquet"),
    }
    read = {}
    with duckdb.connect() as connection:
        for name, table in tables.items():
            source = source_of(connection, table, name)
            readings = read_columns(connection, source, WANTED)
            values = ", ".join(f'{reading.value} AS "{column}"' for column, reading in readings.items())
            read[name] = connection.execute(f"SELECT {values} FROM {name} ORDER BY __row").df()
    pd.testing.assert_frame_equal(read["text"], read["typed"])
    assert read["text"]["user"].tolist() == frame["user"].astype("str").tolist()
    assert read["text"]["amount"].tolist() == frame["amount"].tolist()
    assert (read["text"]["at"] == frame["at"]).all()
    assert read["text"]["club"].tolist() == frame["club"].astype("float64").tolist()


def test_names_that_sql_would_misread_are_columns_like_others() -> None:
    names = ['a "quoted" name', "select", "it's", "a;b"]
    with duckdb.connect() as connection:
        source = source_of(connection, pa.table({name: ["1,5", "x'y"] for name in names}))
        readings = read_columns(connection, source, dict.fromkeys(names, "number"))
        values = ", ".join(reading.value for reading in readings.values())
        assert connection.execute(f"SELECT {values} FROM cells").fetchall() == [(1.5,) * 4, (None,) * 4]


def test_a_column_has_its_own_formats_before_those_of_the_table() -> None:
    cells = pa.table({"a": ["1.234"], "b": ["1.234"]})
    formats = Formats(decimal=",", columns={"b": Formats(decimal=".")})
    with duckdb.connect() as connection:
        source = source_of(connection, cells)
        readings = read_columns(connection, source, {"a": "number", "b": "number"}, formats)
        values = ", ".join(reading.value for reading in readings.values())
        assert connection.execute(f"SELECT {values} FROM cells").fetchone() == (1234, 1.234)


@pytest.mark.parametrize(
    "formats, message",
    [
        ({"decimal": ";"}, "decimal is ';'; allowed are"),
        ({"date": "dayfirst"}, "date is 'dayfirst'; allowed are"),
        ({"time_zone": "Berlin"}, "time_zone is 'Berlin'; allowed are IANA names"),
    ],
)
def test_a_format_that_does_not_exist_is_refused(formats: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Formats(**formats)


def test_a_column_that_is_not_there_is_refused_by_name() -> None:
    with duckdb.connect() as connection:
        source = source_of(connection, pa.table({"a": ["1"]}))
        for wanted, formats in (({"b": "number"}, Formats()), ({"a": "number"}, Formats(columns={"b": Formats()}))):
            with pytest.raises(DataError, match="there is no column b"):
                read_columns(connection, source, wanted, formats)


def test_no_note_holds_a_value_of_a_row() -> None:
    secret = "x77y@example.org"
    with duckdb.connect() as connection:
        cells = {kind: [secret, "5", "31/12/2024"] for kind in ("number", "time", "id", "text", "open")}
        source = source_of(connection, pa.table(cells))
        readings = read_columns(connection, source, {kind: kind for kind in cells})
        assert not [note for reading in readings.values() for note in reading.notes if "x77" in note]
