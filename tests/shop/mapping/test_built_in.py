"""Built-in mappings on small exports of the real layouts."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from exports import Intake, ingested
from layouts import EXPORTS

from purchasing_power.shop.mapping.mapping import apply_mapping, load_mapping

Intakes = Callable[[str], Intake]


@pytest.fixture(scope="module")
def intakes(tmp_path_factory: pytest.TempPathFactory) -> Intakes:
    """Every layout taken in once."""
    return cache(lambda name: ingested(EXPORTS[name], tmp_path_factory.mktemp(name)))


@pytest.mark.parametrize("name", EXPORTS)
def test_a_built_in_mapping_reads_its_layout_with_the_right_rows_orders_users_and_money(
    name: str, intakes: Intakes
) -> None:
    assert (intakes(name).figures(), intakes(name).rows()) == (EXPORTS[name].right, EXPORTS[name].tables)


def test_an_export_that_is_one_file_may_have_any_name(tmp_path: Path) -> None:
    content = EXPORTS["rees46"].files["2019-Oct.csv"]
    (tmp_path / "anything.csv").write_text(str(content))
    shop = apply_mapping(load_mapping("rees46"), tmp_path / "anything.csv", tmp_path / "scratch", duckdb.connect())
    assert {name: source.rows for name, source in shop.sources.items()} == {"orders": 2, "events": 4, "products": 3}


def test_a_discount_of_a_shopify_order_is_shared_over_its_lines(intakes: Intakes) -> None:
    lines = intakes("shopify").table("orders").query("order_id == '#1001'").set_index("product_id")
    # 32 and 20 of 52, less a tenth.
    assert lines["amount"].to_dict() == pytest.approx({"FERN": 28.8, "TOTE": 18.0})
    assert lines["discount"].to_dict() == pytest.approx({"FERN": 3.2, "TOTE": 2.0})
    assert set(lines["ordered_at"]) == {pd.Timestamp("2024-03-01 09:14")}


def test_relative_days_are_counted_back_from_the_stated_end_and_said_to_be_stated(intakes: Intakes) -> None:
    lines = intakes("instacart").table("orders")
    # User 1 orders last on the day itself, 21 days before it, and 15 days before that; user 2's last order, on the
    # day itself, has no lines, and the one before is 3 days back.
    assert dict(zip(lines["order_id"], lines["ordered_at"], strict=True)) == {
        "23": pd.Timestamp("2017-12-31 12:00"),
        "22": pd.Timestamp("2017-12-10 07:00"),
        "21": pd.Timestamp("2017-11-25 08:00"),
        "31": pd.Timestamp("2017-12-28 10:00"),
    }
    assert "amount" not in lines
    assert any("the days are stated, not known" in note for note in intakes("instacart").report.notes)


def test_article_ids_that_lost_a_leading_zero_find_their_article(intakes: Intakes) -> None:
    intake = intakes("hm")
    assert set(intake.table("orders")["product_id"]) == set(intake.table("products")["product_id"])
    assert set(intake.table("products")["product_id"]) == {"0663713001", "0541518023"}


def test_a_product_of_lines_has_its_most_frequent_title(intakes: Intakes) -> None:
    products = intakes("uci_online_retail").table("products").set_index("product_id")
    assert products["title"].to_dict() == {"85123A": "WHITE LIGHT HOLDER", "71053": "WHITE METAL LANTERN"}


def test_milliseconds_become_times_and_purchases_events_too(intakes: Intakes) -> None:
    events = intakes("retailrocket").table("events").sort_values("occurred_at")
    assert events["event"].tolist() == ["view", "cart", "purchase", "purchase", "purchase"]
    # 1433221332.117 seconds after 1970.
    assert events["occurred_at"].iloc[0] == pd.Timestamp("2015-06-02 05:02:12.117")
