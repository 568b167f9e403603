from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from purchasing_power.shop.contract import TABLES
from purchasing_power.shop.intake import ingest
from purchasing_power.shop.samples import SAMPLES, complete_journey, small_shop
from purchasing_power.shop.simulation import simulate


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return complete_journey(tmp_path_factory.mktemp("journey") / "shop")


def test_the_complete_journey_arrives_whole(journey: Path) -> None:
    tables = {path.stem: pd.read_parquet(path) for path in journey.glob("*.parquet")}
    assert {name: len(table) for name, table in tables.items()} == {
        "orders": 1_469_307,
        "products": 92_331,
        "users": 801,
        "campaigns": 6_589,
        "redemptions": 2_102,
    }
    orders, products = tables["orders"], tables["products"]
    assert orders["user_id"].nunique() == 2_469
    assert orders["order_id"].nunique() == 155_848
    assert products["title"].nunique() == 4_832
    assert products["title"][0] == "grocery, frzn ice, ice - crushed/cubed, national"
    assert (orders["discount"] >= orders["coupon_discount"] - 1e-9).all()
    assert {"age", "income", "kids_count"} <= set(tables["users"].columns)


def test_the_complete_journey_passes_intake_without_a_bad_row(journey: Path, tmp_path: Path) -> None:
    report = ingest(journey, tmp_path / "checked", key=b"k" * 32)
    assert [counts.quarantined for counts in report.tables.values()] == [0] * 5
    assert not report.warnings


def test_the_small_shop_has_every_table_but_returns_and_passes_intake_without_a_bad_row(tmp_path: Path) -> None:
    report = ingest(small_shop(tmp_path / "shop"), tmp_path / "checked", key=b"k" * 32)
    assert set(report.tables) == set(TABLES) - {"returns"}
    assert all(counts.quarantined == 0 and counts.kept > 0 for counts in report.tables.values())
    assert not report.notes and not report.warnings


def test_the_same_seed_gives_the_same_shop() -> None:
    one, two, other = simulate(60, 3, 200), simulate(60, 3, 200), simulate(60, 4, 200)
    for name, table in one.items():
        pd.testing.assert_frame_equal(table, two[name])
    assert not one["orders"].equals(other["orders"])


def test_the_future_of_the_small_shop_follows_from_its_past() -> None:
    tables = simulate(200, 0, 365)
    orders = tables["orders"]
    spend = orders.groupby([orders["user_id"], orders["ordered_at"] < "2024-09-01"])["amount"].sum().unstack()
    ranks = spend.reindex(tables["users"]["user_id"]).fillna(0).rank().to_numpy()
    assert np.corrcoef(ranks.T)[0, 1] > 0.7


def test_some_users_of_the_small_shop_never_order_and_its_texts_are_chinese_english_and_emoji() -> None:
    tables = simulate(200, 0, 365)
    assert len(set(tables["users"]["user_id"]) - set(tables["orders"]["user_id"])) >= 10
    texts = tables["texts"]["text"]
    for pattern in ("[一-鿿]", "[a-z]{4}", "[😀-🤿]"):
        assert texts.str.contains(pattern, regex=True).sum() > 50


@pytest.mark.parametrize(("users", "days"), [(1, 365), (5, 1), (12, 400)])
def test_a_shop_of_any_size_can_be_simulated(users: int, days: int) -> None:
    tables = simulate(users, 0, days)
    assert len(tables["users"]) == users
    times = tables["orders"]["ordered_at"]
    assert times.empty or times.max() < pd.Timestamp("2024-01-01") + pd.Timedelta(days=days)


def test_samples_are_known_by_name() -> None:
    assert set(SAMPLES) == {"complete_journey", "small_shop"}
    assert SAMPLES["small_shop"] is small_shop
