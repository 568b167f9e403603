from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from purchasing_power.errors import DataError
from purchasing_power.shop import flat, flat_cells
from purchasing_power.shop.flat import read_flat
from purchasing_power.shop.labels import MISSING
from purchasing_power.shop.pseudonym import pseudonymise
from purchasing_power.snapshot.user_table import document_codes, read, write

KEY = b"a key of some length"


@pytest.fixture(autouse=True)
def heard(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Let loggers speak that an earlier test has disabled: the migrations of a tracking store, or all of them."""
    monkeypatch.setattr(logging.root.manager, "disable", logging.NOTSET)
    caplog.set_level(logging.INFO)
    for logger in (flat.log, flat_cells.log):
        monkeypatch.setattr(logger, "disabled", False)


def _frame(rows: int = 30, **columns: Any) -> pd.DataFrame:
    frame = {
        "user_id": [f"user {n // 2}" for n in range(rows)],
        "age": [20.0 + n % 7 for n in range(rows)],
        "city": ["London", "上海", None] * (rows // 3),
        "text": ["很好 😀", "too dear", None] * (rows // 3),
        "label": ["yes", "no"] * (rows // 2),
    }
    return pd.DataFrame({**frame, **columns})


def _save(folder: Path, frame: pd.DataFrame, ending: str = "csv") -> Path:
    path = folder / f"flat.{ending}"
    if ending == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    return path


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_flat_file_is_a_user_table(tmp_path: Path, ending: str) -> None:
    table, quarantine = read_flat(_save(tmp_path, _frame(), ending), key=KEY)
    assert quarantine.empty
    assert list(table.frame.columns) == ["user_id", "age", "city", "label", "documents"]
    assert (table.meta.kind, table.meta.label, table.meta.task) == ("flat", "label", "binary")
    assert (table.meta.numeric, table.meta.categorical) == (("age",), ("city",))
    assert table.meta.blocks == {"documents": "on"}
    assert table.frame["user_id"][0] == pseudonymise(pd.Series(["user 0"]), KEY)[0] == table.frame["user_id"][1]
    offsets, codes, texts = document_codes(table.frame["documents"])
    assert offsets[:4].tolist() == [0, 1, 2, 2]
    assert [texts[code] for code in codes[:3]] == ["很好 😀", "too dear", "很好 😀"]
    assert read(write(table, tmp_path / "table")).digest() == table.digest()


@pytest.mark.parametrize(
    ("label", "task"),
    [
        (["a", "b"] * 15, "binary"),
        ([0, 1] * 15, "binary"),
        ([True, False] * 15, "binary"),
        ([0.5, 1.5] * 15, "binary"),
        (["a", "b", "c"] * 10, "multiclass"),
        ([1, 2, 3] * 10, "multiclass"),
        ([1.5, 2, 3] * 10, "regression"),
        (list(range(30)), "regression"),
    ],
)
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_task_follows_from_the_label(tmp_path: Path, label: list[Any], task: str, ending: str) -> None:
    table, quarantine = read_flat(_save(tmp_path, _frame(label=label), ending), key=KEY)
    assert table.meta.task == task and quarantine.empty
    if task == "regression":
        assert table.frame["label"].tolist() == [float(value) for value in label]
    else:
        assert table.frame["label"].tolist() == [str(value) for value in label]


def test_a_named_task_is_taken(tmp_path: Path) -> None:
    path = _save(tmp_path, _frame(label=[1, 2, 3] * 10))
    assert read_flat(path, key=KEY, task="regression")[0].frame["label"].dtype == "float64"
    with pytest.raises(DataError, match="3 classes; task=binary needs 2"):
        read_flat(path, key=KEY, task="binary")
    with pytest.raises(DataError, match="allowed are auto, binary"):
        read_flat(path, key=KEY, task="ranking")


def test_rows_without_a_label_or_a_user_are_set_aside_and_none_is_lost(tmp_path: Path) -> None:
    frame = _frame()
    frame.loc[3, "label"] = None
    frame.loc[5, "user_id"] = None
    frame.loc[7, ["label", "user_id"]] = None
    table, quarantine = read_flat(_save(tmp_path, frame), key=KEY)
    assert len(table.frame) + len(quarantine) == 30
    assert quarantine["row"].tolist() == [4, 6, 8]
    assert quarantine["reason"].tolist() == [
        f"label: {MISSING}",
        "user_id: is missing",
        f"label: {MISSING} user_id: is missing",
    ]
    assert not quarantine["user_id"].str.startswith("user").fillna(False).any()
    assert table.frame.index.tolist() == list(range(27))
    assert len(table.frame["documents"]) == 27


def test_a_few_unreadable_numbers_in_a_numeric_label_are_set_aside(tmp_path: Path) -> None:
    label = [f"{n}.5" for n in range(29)] + ["about 7"]
    table, quarantine = read_flat(_save(tmp_path, _frame(label=label)), key=KEY)
    assert table.meta.task == "regression" and len(table.frame) == 29
    assert quarantine["reason"].tolist() == ["label: is not a finite number"]


def test_an_infinite_numeric_label_is_set_aside(tmp_path: Path) -> None:
    label = [n + 0.5 for n in range(29)] + [np.inf]
    _, quarantine = read_flat(_save(tmp_path, _frame(label=label)), key=KEY)
    assert quarantine["row"].tolist() == [30]


def test_each_column_becomes_a_number_or_a_category(tmp_path: Path) -> None:
    frame = _frame(
        flag=[True, False] * 15,
        day=["2024-01-01", "2024-01-02"] * 15,
        size=["1", "NA", "3+"] * 10,
        rate=[1.0, np.inf, *[2.0] * 28],
        code=["007", "008"] * 15,
        nothing=[None] * 30,
        name=[f"n{n}" for n in range(30)],
    )
    for ending in ("csv", "parquet"):
        table, _ = read_flat(_save(tmp_path, frame, ending), key=KEY)
        assert table.meta.numeric == ("age", "flag", "day", "rate")
        assert table.meta.categorical == ("city", "size", "code")
        assert (table.frame[list(table.meta.numeric)].dtypes == "float64").all()
        assert table.meta.settings["dates"] == ["day"]
        assert table.frame["flag"][:2].tolist() == [1.0, 0.0]
        assert table.frame["day"][:2].tolist() == [19723.0, 19724.0]
        assert np.isnan(table.frame["rate"][1]) and pd.isna(table.frame["size"][1])
        notes = " | ".join(table.meta.settings["notes"])
        for word in ("day is now days", "rate: 1 of 30 cells", "nothing is empty", "name holds another text"):
            assert word in notes


def test_columns_may_be_named(tmp_path: Path) -> None:
    frame = _frame().rename(columns={"user_id": "client", "text": "review", "label": "bought"})
    table, _ = read_flat(_save(tmp_path, frame), key=KEY, text="review", label="bought", user="client")
    assert list(table.frame.columns) == ["user_id", "age", "city", "bought", "documents"]


def test_several_text_columns_are_documents_of_a_row_in_the_order_named(tmp_path: Path) -> None:
    frame = _frame(title=["good", None, None] * 10)
    table, _ = read_flat(_save(tmp_path, frame), key=KEY, text="title, text")
    assert [list(texts) for texts in table.frame["documents"][:3]] == [["good", "很好 😀"], ["too dear"], []]
    assert table.meta.features == ("age", "city")
    named = frame.rename(columns={"text": "title,text"})
    table, _ = read_flat(_save(tmp_path, named), key=KEY, text="title,text")
    assert [list(texts) for texts in table.frame["documents"][:3]] == [["很好 😀"], ["too dear"], []]


def test_without_a_user_column_every_row_is_a_user_of_its_own_the_same_in_every_file(tmp_path: Path) -> None:
    frame = _frame(60, age=[float(n // 2) for n in range(60)]).drop(columns="user_id")
    first, _ = read_flat(_save(tmp_path, frame[:40]), key=KEY)
    again, _ = read_flat(_save(tmp_path, frame[:40].assign(label=["no", "yes"] * 20), "parquet"), key=KEY)
    later, _ = read_flat(_save(tmp_path, frame[30:].sample(frac=1, random_state=0)), key=KEY)
    assert first.frame["user_id"].is_unique and later.frame["user_id"].is_unique
    assert first.frame["user_id"].tolist() == again.frame["user_id"].tolist()
    assert set(first.frame["user_id"]) & set(later.frame["user_id"]) == set(first.frame["user_id"][30:])


def test_equal_rows_are_users_of_their_own_too(tmp_path: Path) -> None:
    frame = pd.DataFrame({"age": [1.0] * 30, "label": ["yes", "no"] * 15})
    assert read_flat(_save(tmp_path, frame), key=KEY)[0].frame["user_id"].nunique() == 30


def test_without_a_text_column_documents_are_empty_and_it_is_said(tmp_path: Path) -> None:
    table, _ = read_flat(_save(tmp_path, _frame().drop(columns="text")), key=KEY)
    offsets, _, texts = document_codes(table.frame["documents"])
    assert offsets.tolist() == [0] * 31 and texts == []
    assert table.meta.blocks["documents"] == "off: there is no column text"


def test_an_index_column_without_a_name_is_no_feature(tmp_path: Path) -> None:
    path = tmp_path / "flat.csv"
    _frame().to_csv(path)
    assert read_flat(path, key=KEY)[0].meta.features == ("age", "city")


@pytest.mark.parametrize(
    ("frame", "options", "message"),
    [
        (_frame(), {"text": "review"}, "no column review.*parameter text"),
        (_frame(), {"user": "client"}, "no column client.*parameter user"),
        (_frame()[:0], {}, "no rows"),
        (_frame(label=["yes"] * 30), {}, "1 distinct values"),
        (_frame(label=[None] * 30), {}, "missing in all 30 rows"),
        (_frame(label=["word"] * 30), {"task": "regression"}, "0 distinct values"),
        (_frame(label=[f"x{n}" for n in range(30)]), {}, "30 classes in 30 rows"),
        (_frame(Documents=1, cutoff=2), {}, r"2 columns have names that are reserved here \(Documents, cutoff\)"),
        (_frame(age=[None, 1.5] * 15), {"label": "age"}, "1 distinct values"),
        (_frame(), {"text": "text,review"}, "no column review.*parameter text"),
        (_frame(), {"text": "text,text"}, "name different columns"),
        (_frame(), {"text": "label"}, "name different columns"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(
    tmp_path: Path, frame: pd.DataFrame, options: dict[str, str], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read_flat(_save(tmp_path, frame), key=KEY, **options)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file"):
        read_flat(tmp_path / "none.csv", key=KEY)


FORMS: dict[str, Any] = {
    "packed.csv.gz": lambda frame, path: frame.to_csv(path, sep=";", encoding="gb18030", index=False),
    "tabs.tsv": lambda frame, path: frame.to_csv(path, sep="\t", encoding="utf-16", index=False),
    "lines.jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True, force_ascii=False),
    "blanks.txt": lambda frame, path: frame.rename(columns=lambda name: f" {name} ").to_csv(path, index=False),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_file_of_any_format_and_encoding_gives_the_same_table(tmp_path: Path, name: str) -> None:
    expected, _ = read_flat(_save(tmp_path, _frame(), "parquet"), key=KEY)
    FORMS[name](_frame(), tmp_path / name)
    table, quarantine = read_flat(tmp_path / name, key=KEY)
    assert table.digest() == expected.digest() and quarantine.empty
    assert (table.meta.numeric, table.meta.categorical) == (expected.meta.numeric, expected.meta.categorical)


def test_a_ragged_row_is_set_aside_and_the_others_keep_their_numbers(tmp_path: Path) -> None:
    path = _save(tmp_path, _frame())
    lines = path.read_text().splitlines()
    lines[4] += ",one field,too many"
    lines[8] = lines[8].replace("yes", "").replace("no", "")
    path.write_text("\n".join(lines))
    table, quarantine = read_flat(path, key=KEY)
    assert len(table.frame) == 28 and quarantine["row"].tolist() == [4, 8]
    assert "label" in quarantine["reason"][1] and "one field" not in str(quarantine.iloc[0].to_dict())
    assert quarantine["age"][1] == "20.0"


def test_parameters_name_columns_without_regard_to_case_and_blanks_at_the_ends(tmp_path: Path) -> None:
    frame = _frame().rename(columns={"text": "Review ", "label": "BOUGHT", "user_id": "Client"})
    table, _ = read_flat(_save(tmp_path, frame), key=KEY, text="review", label=" bought", user="client")
    assert list(table.frame.columns) == ["user_id", "age", "city", "BOUGHT", "documents"]
    assert table.meta.label == "BOUGHT" and table.meta.blocks == {"documents": "on"}


def test_ids_keep_every_digit_even_where_some_are_missing(tmp_path: Path) -> None:
    ids = pd.array([2**60 + n // 2 for n in range(29)] + [None], dtype="Int64")
    for ending in ("csv", "parquet"):
        table, quarantine = read_flat(_save(tmp_path, _frame(user_id=ids), ending), key=KEY)
        assert table.frame["user_id"].tolist() == pseudonymise(pd.Series(ids[:29], dtype="str"), KEY).tolist()
        assert quarantine["row"].tolist() == [30]


def test_spellings_of_a_class_are_joined_under_the_most_frequent_one(tmp_path: Path) -> None:
    label = ["Yes", "yes ", "YES", "Yes", "no", " no"] * 5
    table, _ = read_flat(_save(tmp_path, _frame(label=label)), key=KEY)
    assert table.frame["label"].tolist() == ["Yes", "Yes", "Yes", "Yes", "no", "no"] * 5
    assert "label has 4 spellings of 2 classes: 10 cells" in " ".join(table.meta.settings["notes"])


def test_a_label_that_is_a_number_but_for_few_cells_stays_one_however_it_is_written(tmp_path: Path) -> None:
    label = [f"{n},50 €" for n in range(1, 29)] + ["about 7", "?"]
    table, quarantine = read_flat(_save(tmp_path, _frame(label=label)), key=KEY)
    assert table.frame["label"].tolist() == [n + 0.5 for n in range(1, 29)] and table.meta.task == "regression"
    assert quarantine["row"].tolist() == [29, 30]


def test_words_such_as_yes_and_no_stay_categories_and_true_and_false_numbers(tmp_path: Path) -> None:
    frame = _frame(news=["yes", "no"] * 15, member=["True", "False"] * 15)
    table, _ = read_flat(_save(tmp_path, frame), key=KEY)
    assert table.meta.categorical == ("city", "news") and table.meta.numeric == ("age", "member")
    assert table.frame["news"][:2].tolist() == ["yes", "no"]


def test_a_file_without_the_label_column_gives_a_table_to_be_scored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    frame = _frame(6)[:3].assign(
        region=["a", "b", "c"], number=[7, 8, 9], empty=None, mail=["a@b.de", "c@d.de", "e@f.de"]
    )
    table, quarantine = read_flat(_save(tmp_path, frame.drop(columns="label")), key=KEY)
    assert (table.meta.label, table.meta.task) == (None, None) and quarantine.empty
    assert list(table.frame.columns) == ["user_id", "age", "city", "region", "number", "empty", "documents"]
    assert "no column label (got: user_id, age" in caplog.text and "-P label=COLUMN" in caplog.text
    assert read(write(table, tmp_path / "table")).meta == table.meta


def test_leaks_and_personal_data_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    frame = _frame(300, Email=[f"u{n}@example.com" for n in range(300)])
    frame["refund"] = (frame["label"] == "yes") * 5.0 + np.random.default_rng(0).random(300)
    frame["late"] = frame["age"].where(frame["label"] == "no")
    table, _ = read_flat(_save(tmp_path, frame), key=KEY)
    leaks = table.meta.settings["leaks"]
    assert [sentence.split(" gives ")[0] for sentence in leaks] == ["refund alone", "Whether late is missing"]
    assert "Email" not in table.frame and "Email" in table.meta.settings["privacy"][0]
    assert leaks[0] in caplog.text and table.meta.settings["privacy"][0] in caplog.text
    assert "example.com" not in caplog.text
    honest, _ = read_flat(_save(tmp_path, _frame(300)), key=KEY)
    assert "leaks" not in honest.meta.settings and "privacy" not in honest.meta.settings


def test_ages_are_taken_at_the_newest_day_in_the_file(tmp_path: Path) -> None:
    days = ["2020-05-01", "2020-06-30", "2019-01-01"] * 10
    table, _ = read_flat(_save(tmp_path, _frame(seen=days, birthday=["1990-06-30", "1990-07-01", None] * 10)), key=KEY)
    assert table.frame["birthday_age_years"][:2].tolist() == [30.0, 29.0]
    assert table.meta.settings["dates"] == ["seen"]


def test_a_mapping_corrects_how_a_flat_file_is_read(tmp_path: Path) -> None:
    lines = "".join(f"{n};{n % 2};1,{n:03}\n" for n in range(60))
    (tmp_path / "file.csv").write_text(lines)
    (tmp_path / "mapping.yaml").write_text(
        "read: {file.csv: {header: [number, label, price]}}\nformats: {file.csv: {columns: {price: {decimal: ','}}}}\n"
    )
    table, _ = read_flat(tmp_path / "file.csv", key=KEY, mapping=str(tmp_path / "mapping.yaml"))
    assert table.frame["price"].tolist() == [1 + n / 1000 for n in range(60)]
