from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import ibis
import pandas as pd
import pytest

from purchasing_power.snapshot import user_table
from purchasing_power.snapshot.build import build, features_of
from purchasing_power.snapshot.dictionary import EXAMPLE, PATH, chinese_name, chinese_names, markdown
from purchasing_power.snapshot.plan import Plan
from purchasing_power.snapshot.settings import SnapshotSettings
from purchasing_power.snapshot.user_table import UserTable

PLANS = [
    EXAMPLE,
    Plan(lookback=7),
    Plan(lookback=100, categories=["tea_and_coffee", "云杉"], brands=["arbor"], events=["view", "add_to_cart"]),
    Plan(lookback=365),
]


def test_the_written_dictionary_is_the_generated_one() -> None:
    assert PATH.read_text(encoding="utf-8") == markdown(), "run python -m purchasing_power.snapshot.dictionary"


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: str(plan.lookback))
def test_names_are_distinct_and_meanings_are_sentences(plan: Plan) -> None:
    features = features_of(plan)
    assert len({feature.name for feature in features}) == len(features)
    assert all(feature.meaning.endswith(".") and feature.unit for feature in features)


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: str(plan.lookback))
def test_every_feature_has_a_chinese_name_of_its_own(plan: Plan) -> None:
    names = [feature.chinese_name for feature in features_of(plan)]
    assert [name for name in names if not re.search(r"[\u4e00-\u9fff]", name)] == []
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: str(plan.lookback))
def test_a_column_alone_is_enough_for_its_chinese_name(plan: Plan) -> None:
    # A category, brand or event is then called as the column spells it, in lower case.
    expected = {feature.name: feature.chinese_name.lower() for feature in features_of(plan)}
    assert {name: (chinese_name(name) or "").lower() for name in expected} == expected
    assert chinese_name("income") is None and chinese_name("score") is None


def test_the_dictionary_names_every_numeric_column_of_a_built_table(
    shop: dict[str, pd.DataFrame], scanned: Callable[..., dict[str, ibis.Table]]
) -> None:
    meta = build(scanned(shop), SnapshotSettings(), progress=False).meta
    named = {feature.name for feature in features_of(Plan(**meta.settings))}
    assert named | set(meta.settings["profile_numeric"]) == set(meta.numeric)


def test_a_table_holds_the_chinese_names_and_one_without_them_gets_the_same(panel: UserTable, tmp_path: Path) -> None:
    meta = user_table.read_meta(user_table.write(panel, tmp_path / "users"))
    assert meta.chinese_names.keys() == meta.meanings.keys()
    assert meta.chinese_names["spend_14d"] == "近 14 天消费金额"
    assert meta.chinese_names["brand_share_云杉"] == "“云杉”品牌的消费占比"
    assert chinese_names(replace(meta, chinese_names={})) == meta.chinese_names == chinese_names(meta)
