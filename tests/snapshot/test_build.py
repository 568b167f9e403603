from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

from purchasing_power.errors import DataError
from purchasing_power.snapshot.build import build, features, features_of
from purchasing_power.snapshot.plan import Plan
from purchasing_power.snapshot.settings import SnapshotSettings
from purchasing_power.snapshot.user_table import DOCUMENTS, UserTable

Tables = dict[str, pd.DataFrame]
Scan = Callable[[Tables], dict[str, ibis.Table]]
TIMES = {
    "orders": "ordered_at",
    "events": "occurred_at",
    "texts": "written_at",
    "follows": "since",
    "campaigns": "sent_at",
    "redemptions": "redeemed_at",
    "returns": "returned_at",
}
MIDDLE = pd.Timestamp("2024-07-07")
PANEL = SnapshotSettings(first_cutoff=date(2024, 4, 14), last_cutoff=date(2024, 8, 4))
JUNE = SnapshotSettings(first_cutoff=date(2024, 6, 2), last_cutoff=date(2024, 6, 2))


def built(tables: dict[str, ibis.Table], settings: SnapshotSettings) -> UserTable:
    return build(tables, settings, progress=False)


def changed(frames: Tables, after: bool) -> Tables:
    """Alter rows on one side of MIDDLE: a third removed, a third repeated by other users, money and texts new."""
    found = dict(frames)
    for name, time in TIMES.items():
        frame = frames[name]
        side = (frame[time] >= MIDDLE) if after else (frame[time] < MIDDLE)
        mine, turn = frame[side], np.arange(side.sum()) % 3
        again = mine[turn == 1].copy()
        again["user_id"] = np.roll(again["user_id"].to_numpy(), 7)
        if "order_id" in again:
            again["order_id"] = again["order_id"] + "-again"
        altered = pd.concat([mine[turn != 0], again])
        for column in altered.columns.intersection(["amount", "discount", "quantity"]):
            altered[column] = altered[column] * 3 + 1
        for column in altered.columns.intersection(["text", "event"]):
            altered[column] = altered[column] + "!"
        found[name] = pd.concat([frame[~side], altered], ignore_index=True).drop_duplicates(ignore_index=True)
    return found


def lists(frame: pd.DataFrame) -> pd.DataFrame:
    texts = [tuple(row) for row in frame[DOCUMENTS].array.__arrow_array__().to_pylist()]
    return frame.assign(documents=pd.Series(texts, index=frame.index, dtype=object))


def test_the_future_never_changes_a_feature(shop: Tables, panel: UserTable, scanned: Scan) -> None:
    was = panel
    now = built(scanned(changed(shop, after=True)), PANEL)
    # What is said of the orders speaks of all of them; no column depends on it.
    told = {"population_rows": {}, "suited_horizon": None, "notes": ()}
    assert replace(was.meta, **told) == replace(now.meta, **told)
    columns = ["user_id", "cutoff", *was.meta.features, DOCUMENTS]
    known, again = (
        lists(table.frame.loc[table.frame["cutoff"] <= MIDDLE, columns]).reset_index(drop=True) for table in (was, now)
    )
    pd.testing.assert_frame_equal(known, again)
    late = was.frame["cutoff"] > MIDDLE
    for name in ("spend_28d", "returned_amount_28d"):
        assert not was.frame.loc[late, name].equals(now.frame.loc[now.frame["cutoff"] > MIDDLE, name])


def test_the_past_never_changes_a_label(shop: Tables, panel: UserTable, scanned: Scan) -> None:
    was = panel
    now = built(scanned(changed(shop, after=False)), PANEL)
    outcomes = ["spend_next_28d", "orders_next_28d"]
    keys = ["user_id", "cutoff"]
    later = [table.frame.loc[table.frame["cutoff"] >= MIDDLE, [*keys, *outcomes, "spend_168d"]] for table in (was, now)]
    both = later[0].merge(later[1], on=keys, suffixes=("", "_now"))
    assert len(both) > 100
    for outcome in outcomes:
        pd.testing.assert_series_equal(both[outcome], both[f"{outcome}_now"], check_names=False)
    assert not both["spend_168d"].equals(both["spend_168d_now"])


def test_a_user_without_orders_has_a_row_of_zeros_and_missing_values(orders: Tables, scanned: Scan) -> None:
    # Gus has a profile and no date: nothing says that he was there.
    joined = pd.to_datetime(["2024-01-01", "2024-06-02", None]).astype("datetime64[us]")
    users = pd.DataFrame({"user_id": ["eva", "fay", "gus"], "age": [30.0, 40.0, None], "joined_at": joined})
    frame = built(scanned({**orders, "users": users}), JUNE).frame.set_index("user_id")
    assert list(frame.index) == ["ann", "ben", "cid", "eva"]
    eva = frame.loc["eva"]
    assert (eva[["orders_168d", "spend_28d", "products_168d", "spend_growth_28d", "spend_next_28d"]] == 0).all()
    assert eva[["days_since_order", "order_amount_mean", "gap_days_std", "category_share_food"]].isna().all()
    assert eva["age"] == 30
    assert list(eva[DOCUMENTS]) == []


def test_shares_count_unknown_categories_in_the_divisor(orders: Tables, scanned: Scan) -> None:
    ann = built(scanned(orders), JUNE).frame.set_index("user_id").loc["ann"]
    assert ann["category_share_drink"] == pytest.approx(30 / 42.75, abs=1e-6)
    assert ann["category_share_food"] == pytest.approx(5.5 / 42.75, abs=1e-6)
    assert ann["categories_168d"] == 2
    assert ann["brands_168d"] == 2
    shares = np.array([30, 5.5]) / 35.5
    assert ann["category_entropy_168d"] == pytest.approx(-(shares * np.log(shares)).sum(), abs=1e-5)
    assert ann["top_category_share_168d"] == pytest.approx(30 / 42.75, abs=1e-6)


def test_a_missing_table_switches_its_block_off_and_says_so(orders: Tables, scanned: Scan) -> None:
    bare = orders["orders"].drop(columns="discount")
    table = built(scanned({"orders": bare}), JUNE)
    off = {name: state for name, state in table.meta.blocks.items() if state != "on"}
    assert off == {
        "discounts": "off: orders has no discount column",
        "coupons": "off: orders has no coupon_discount column",
        "campaigns": "off: no campaigns table",
        "redemptions": "off: no redemptions table",
        "returns": "off: no returns table",
        "category_mix": "off: no products table",
        "brand_mix": "off: no products table",
        "stores": "off: orders has no store_id column",
        "social": "off: no follows table",
        "behaviour": "off: no events table",
        "texts": "off: no texts table",
        "profile": "off: no users table",
        "documents": "off: no texts table and no titles of products",
    }
    assert table.meta.categorical == ()
    assert not [name for name in table.frame if "return" in name]
    assert [list(texts) for texts in table.frame[DOCUMENTS]] == [[], [], []]


def test_every_block_is_on_when_every_table_is_there(panel: UserTable) -> None:
    table = panel
    assert set(table.meta.blocks.values()) == {"on"}
    assert set(table.meta.features) | {"user_id", "cutoff", DOCUMENTS, "spend_next_28d", "orders_next_28d"} == set(
        table.frame.columns
    )
    assert (table.frame[list(table.meta.numeric)].dtypes == "float64").all()
    assert np.isfinite(table.frame[list(table.meta.numeric)].fillna(0)).all(axis=None)


@pytest.mark.parametrize("lookback", [7, 30])
def test_windows_longer_than_the_lookback_are_left_out(shop: Tables, scanned: Scan, lookback: int) -> None:
    settings = SnapshotSettings(lookback, first_cutoff=date(2024, 4, 14), last_cutoff=date(2024, 5, 12))
    table = built(scanned(shop), settings)
    days = {int(found) for name in table.meta.numeric for found in re.findall(r"(\d+)d", name)}
    assert max(days) <= lookback
    assert f"products_{lookback}d" in table.meta.numeric


def test_two_builds_have_the_same_digest(shop: Tables, panel: UserTable, scanned: Scan) -> None:
    shuffled = {name: frame.sample(frac=1, random_state=5) for name, frame in shop.items()}
    assert panel.digest() == built(scanned(shuffled), PANEL).digest()


def test_features_of_a_request_equal_those_of_the_table(shop: Tables, panel: UserTable, scanned: Scan) -> None:
    table = panel
    last = table.frame[table.frame["cutoff"] == "2024-08-04"].reset_index(drop=True)
    request = features(scanned(shop), [date(2024, 8, 4)], table.meta.settings)
    columns = ["user_id", "cutoff", *table.meta.features, DOCUMENTS]
    pd.testing.assert_frame_equal(lists(last[columns]), lists(request[columns]))


def test_a_request_whose_users_lack_a_profile_column_gets_it_missing(
    shop: Tables, panel: UserTable, scanned: Scan
) -> None:
    bare = {**shop, "users": shop["users"].drop(columns=["age", "city"])}
    request = features(scanned(bare), [date(2024, 8, 4)], panel.meta.settings)
    assert set(panel.meta.features) <= set(request.columns)
    assert request[["age", "city"]].isna().all(axis=None)


def test_an_outcome_is_missing_until_its_horizon_is_over(shop: Tables, scanned: Scan) -> None:
    frame = built(scanned(shop), SnapshotSettings()).frame
    end = shop["orders"]["ordered_at"].max().normalize()
    matured = frame["cutoff"] + pd.Timedelta(days=28) <= end
    assert matured.any() and not matured.all()
    assert (frame["spend_next_28d"].notna() == matured).all()
    assert (frame["orders_next_28d"].notna() == matured).all()


def test_rows_are_sorted_by_cutoff_and_user(panel: UserTable) -> None:
    frame = panel.frame
    assert frame[["cutoff", "user_id"]].equals(frame[["cutoff", "user_id"]].sort_values(["cutoff", "user_id"]))
    assert not frame.duplicated(["cutoff", "user_id"]).any()


def test_a_shop_without_orders_is_refused(orders: Tables, scanned: Scan) -> None:
    with pytest.raises(DataError, match="0 rows"):
        built(scanned({"orders": orders["orders"].iloc[:0]}), SnapshotSettings())
    with pytest.raises(DataError, match="orders is required"):
        built(scanned({"products": orders["products"]}), SnapshotSettings())


def test_a_horizon_without_any_order_is_refused(orders: Tables, scanned: Scan) -> None:
    settings = SnapshotSettings(first_cutoff=date(2024, 7, 7), last_cutoff=date(2024, 7, 7), horizon=7)
    with pytest.raises(DataError, match="no orders in the 7 days"):
        built(scanned(orders), settings)


def test_profile_columns_with_names_that_the_table_needs_are_refused_in_one_line(orders: Tables, scanned: Scan) -> None:
    taken = ["Cutoff", "Documents", "Orders_Next_28d", "SPEND_7D", "User", "spend_28d", "spend_next_28d"]
    users: Any = pd.DataFrame({"user_id": ["ann"], "age": [30.0], "since": ["May"], **dict.fromkeys(taken, 1.0)})
    with pytest.raises(DataError, match=f"7 profile columns .*\\({', '.join(taken)}\\).* Rename them") as refusal:
        built(scanned({**orders, "users": users}), JUNE)
    assert "\n" not in str(refusal.value)
    allowed = built(scanned({**orders, "users": users[["user_id", "age", "since"]]}), JUNE)
    assert allowed.frame.set_index("user_id").loc["ann", ["age", "since"]].tolist() == [30.0, "May"]


def test_orders_without_amounts_have_no_feature_of_money(shop: Tables, panel: UserTable, scanned: Scan) -> None:
    bare = {**shop, "orders": shop["orders"].drop(columns="amount")}
    table = built(scanned(bare), PANEL)
    assert table.meta.blocks["amounts"] == "off: orders has no amount column"
    assert panel.meta.blocks["amounts"] == "on"
    assert table.meta.spend_outcome is None and table.meta.orders_outcome == "orders_next_28d"
    assert "spend_next_28d" not in table.frame and table.frame["orders_next_28d"].sum() > 0
    units = {each.name: each.unit for each in features_of(Plan(**panel.meta.settings))}
    gone = set(panel.meta.numeric) - set(table.meta.numeric)
    assert {name for name, unit in units.items() if unit.startswith("currency")} < gone
    assert not [name for name in table.meta.numeric if "spend" in name or "amount" in name]
    counts = ["orders_28d", "days_since_order", "lines_per_order", "returned_lines_28d", "friend_active_share_28d"]
    pd.testing.assert_frame_equal(table.frame[counts], panel.frame[counts])


def test_without_amounts_shares_and_categories_go_by_order_lines(orders: Tables, scanned: Scan) -> None:
    bare = {**orders, "orders": orders["orders"].drop(columns="amount")}
    table = built(scanned(bare), JUNE)
    # Before June p1 stands in 3 lines, p2 in 3, p3 in 1: drink and food are as frequent, and stand by their names.
    assert table.meta.settings["categories"] == ["drink", "food"]
    ann = table.frame.set_index("user_id").loc["ann"]
    assert ann["category_share_drink"] == pytest.approx(2 / 4)
    assert ann["top_product_share_168d"] == pytest.approx(2 / 4)
    assert table.meta.meanings["category_share_drink"].startswith("Share of order lines")
    with pytest.raises(DataError, match="got no amount column; the earlier user table"):
        build(scanned(bare), JUNE, progress=False, earlier=built(scanned(orders), JUNE).meta.settings)
