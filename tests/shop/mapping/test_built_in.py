"""Built-in mappings on small exports of the real layouts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path

import duckdb
import pytest
from exports import figures, ingested, mapped, rows_of
from layouts import EXPORTS

from purchasing_power.shop.mapping.mapping import MappedShop

Rows = list[dict[str, object]]
Shops = Callable[[str], tuple[MappedShop, Callable[[str], Rows]]]


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Shops:
    """Every export mapped once: the shop, and what gives the rows of one of its tables."""
    connection = duckdb.connect()

    @cache
    def shop(name: str) -> tuple[MappedShop, Callable[[str], Rows]]:
        done = mapped(EXPORTS[name], tmp_path_factory.mktemp(name), connection)
        return done, cache(lambda table: rows_of(done, table, connection))

    return shop


@pytest.mark.parametrize("name", EXPORTS)
def test_a_built_in_mapping_reads_its_layout_with_the_right_rows_orders_users_and_money(
    name: str, shops: Shops
) -> None:
    shop, rows = shops(name)
    assert figures(shop, rows) == EXPORTS[name].right
    assert {table: part.rows for table, part in shop.sources.items() if table != "orders"} == EXPORTS[name].tables


@pytest.mark.parametrize("name", EXPORTS)
def test_the_intake_of_a_layout_has_the_right_rows_orders_users_and_money(name: str, tmp_path: Path) -> None:
    assert ingested(EXPORTS[name], tmp_path) == EXPORTS[name].right


def test_a_discount_of_a_shopify_order_is_shared_over_its_lines(shops: Shops) -> None:
    lines = shops("shopify")[1]("orders")[:2]
    # 32 and 20 of 52, less a tenth.
    assert [line["amount"] for line in lines] == pytest.approx([28.8, 18.0])
    assert [line["discount"] for line in lines] == pytest.approx([3.2, 2.0])
    assert {line["ordered_at"] for line in lines} == {datetime(2024, 3, 1, 9, 14)}


def test_relative_days_are_counted_back_from_the_stated_end_and_said_to_be_stated(shops: Shops) -> None:
    shop, rows = shops("instacart")
    lines = rows("orders")
    days = {(line["order_id"], line["ordered_at"]) for line in lines}
    # User 1 orders last on the day itself, 21 days before it, and 15 days before that; user 2's last order, on the
    # day itself, has no lines, and the one before is 3 days back.
    assert days == {
        ("23", datetime(2017, 12, 31, 12)),
        ("22", datetime(2017, 12, 10, 7)),
        ("21", datetime(2017, 11, 25, 8)),
        ("31", datetime(2017, 12, 28, 10)),
    }
    assert "amount" not in shop.sources["orders"].columns
    assert any("the days are stated, not known" in note for note in shop.notes)


def test_article_ids_that_lost_a_leading_zero_find_their_article(shops: Shops) -> None:
    rows = shops("hm")[1]
    bought = {line["product_id"] for line in rows("orders")}
    assert bought == {row["product_id"] for row in rows("products")}


def test_a_product_of_lines_has_its_most_frequent_title(shops: Shops) -> None:
    rows = shops("uci_online_retail")[1]
    titles = {row["product_id"]: row["title"] for row in rows("products")}
    assert titles == {"85123A": "WHITE LIGHT HOLDER", "71053": "WHITE METAL LANTERN"}


def test_milliseconds_become_times_and_purchases_events_too(shops: Shops) -> None:
    rows = shops("retailrocket")[1]
    events = rows("events")
    assert [event["event"] for event in events] == ["view", "cart", "purchase", "purchase", "purchase"]
    # 1433221332.117 seconds after 1970.
    assert events[0]["occurred_at"] == datetime(2015, 6, 2, 5, 2, 12, 117000)
