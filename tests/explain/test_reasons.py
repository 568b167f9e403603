"""Tests of reasons: the strongest first, in words of two languages, with numbers that add up."""

from __future__ import annotations

import json
import re
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tables import TEXTS, panel

from purchasing_power.explain.model_explanation import explain_model
from purchasing_power.explain.page import WORDS, explanation_page
from purchasing_power.explain.reasons import change, column_names, number, reason_columns
from purchasing_power.explain.user_explanation import explain_user
from purchasing_power.model.flat_params import model_params
from purchasing_power.model.purchasing_model import PurchasingModel, fit
from purchasing_power.model.splits import split
from purchasing_power.snapshot.target import fit_target
from purchasing_power.snapshot.user_table import UserTableMeta

TABLE = panel(users=80)
FRAME = TABLE.frame.iloc[-80:].reset_index(drop=True)
BEFORE = Path(__file__).parents[1] / "fixtures" / "before_architecture" / "store.tar.xz"
HAN = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def model() -> PurchasingModel:
    parts = split(TABLE)
    params = model_params(representation="tfidf", text_components=4, trees=20, leaf_rows=10)
    return fit(TABLE, parts, fit_target("tier", TABLE, parts.train), params)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("most", [1, 5, 50])
def test_the_numbers_of_a_row_add_up_to_its_score(model: PurchasingModel, most: int, language: str) -> None:
    columns = reason_columns(model, FRAME, most, language)
    score = model.predict(FRAME)["score"]
    assert columns.select_dtypes("number").sum(axis=1).to_numpy() == pytest.approx(score.to_numpy(), abs=1e-9)
    assert columns.filter(regex=r"^reason_\d+$").shape[1] == min(most, len(model.meta.features) + 1)


def test_reasons_come_strongest_first_and_say_which_way_they_lead(model: PurchasingModel) -> None:
    columns = reason_columns(model, FRAME, 5, "en")
    sizes = columns.filter(regex="_part$").abs().to_numpy()
    assert (np.diff(sizes, axis=1) <= 1e-15).all()
    for text, part in zip(columns["reason_1"], columns["reason_1_part"], strict=True):
        assert ("raises" in text) == (part > 0) and f"{number(abs(part))})" in text


def test_texts_are_named_by_their_words_and_never_quoted(model: PurchasingModel) -> None:
    for language in ("en", "zh"):
        texts = " ".join(reason_columns(model, FRAME, 7, language).select_dtypes(exclude="number").stack())
        assert "wine" in texts
        assert not any(text in texts for text in TEXTS if " " in text)


def test_chinese_reasons_are_chinese_and_name_values(model: PurchasingModel) -> None:
    columns = reason_columns(model, FRAME.iloc[:5].reset_index(drop=True), 7, "zh").filter(regex=r"^reason_\d+$")
    texts = columns.stack().tolist()
    assert all(HAN.search(text) for text in texts)
    spend = next(text for text in texts if "近 28 天消费金额" in text)
    assert number(FRAME["spend_28d"].iloc[0]) in " ".join(texts) and re.search("高于|低于", spend)


def test_a_missing_value_is_called_unknown(model: PurchasingModel) -> None:
    row = FRAME.iloc[[0]].assign(spend_28d=np.nan, region=None).reset_index(drop=True)
    for language, unknown in (("en", "not known"), ("zh", "未知")):
        texts = reason_columns(model, row, 50, language).iloc[0].astype(str).tolist()
        assert sum(unknown in text for text in texts) >= 2


def test_metadata_written_before_it_held_chinese_names_still_names_columns_in_chinese() -> None:
    with tarfile.open(BEFORE) as archive:
        written = {
            member.name: json.load(archive.extractfile(member))
            for member in archive.getmembers()
            if member.name.endswith(("user_table.json", "bundle.json"))
        }
    metas = [UserTableMeta.from_dict(values.get("meta", values)) for values in written.values()]
    assert {meta.kind for meta in metas} == {"panel", "flat"} and not any(meta.chinese_names for meta in metas)
    for meta in metas:
        names = column_names(meta, "zh")
        assert names.keys() == {*meta.features, "documents"}
        assert [names[column] for column in meta.features] == [
            {
                "spend_28d": "近 28 天消费金额",
                "orders_28d": "近 28 天下单次数",
                "days_since_order": "距上次下单的天数",
            }.get(column, column)
            for column in meta.features
        ]


def test_a_column_is_called_what_the_metadata_says() -> None:
    meta = replace(TABLE.meta, chinese_names={"noise": "噪声"}, meanings={"noise": "No signal."})
    assert column_names(meta, "zh")["noise"] == "噪声" and column_names(meta, "en")["noise"] == "No signal"
    assert column_names(meta, "zh")["region"] == column_names(meta, "en")["region"] == "region"


def test_a_part_that_rounds_to_nothing_is_no_change() -> None:
    assert change(0.0001, "en") == "leaves the score as it is"
    assert change(-1234.5, "en") == "lowers the score by 1,234"
    assert change(0.25, "zh") == "使得分提高 0.25"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_adds_up_fetches_nothing_and_names_no_user_and_no_text(model: PurchasingModel, language: str) -> None:
    row = int(np.argmax([len(texts) for texts in FRAME["documents"]]))
    user = explain_user(model, FRAME, row, 5, language)
    parts = sum(reason.part for reason in user.reasons)
    assert user.base + parts + user.others == pytest.approx(user.score, abs=1e-9)
    assert user.score == pytest.approx(model.predict(FRAME)["score"].iloc[row], abs=1e-9)
    for table in (user.words, user.documents):
        assert len(table) and table["part"].sum() == pytest.approx(user.words["part"].sum(), abs=1e-9)
    overall = explain_model(model, FRAME)
    page = explanation_page("Shop, version 1", model, overall, None, user, language)
    assert "://" not in page and "<script" not in page and "user-0" not in page
    assert not any(text in page for text in TEXTS if " " in text)
    assert WORDS[language]["adds"] in page and WORDS[language]["no_outcomes"] in page
    drops = pd.DataFrame(0.125, index=[driver.feature for driver in overall.drivers], columns=[0, 1])
    assert "0.1250" in explanation_page("Shop", model, overall, drops, None, language)


def test_both_languages_say_the_same_things() -> None:
    assert WORDS["en"].keys() == WORDS["zh"].keys()
