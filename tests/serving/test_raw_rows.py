"""Tests of raw rows: they give the features and scores of the snapshot, and are checked as the shop's tables."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from watched import trained

from purchasing_power.serving.deployed import Deployed
from purchasing_power.serving.fast.fast_model import FastModel
from purchasing_power.serving.raw_rows import read_raw_rows, read_tables
from purchasing_power.serving.responder import purchase_responder
from purchasing_power.serving.rows import RequestColumns
from purchasing_power.serving.rules import Limits, RequestError
from purchasing_power.shop.samples import small_shop
from purchasing_power.shop.tables import scan, write_table
from purchasing_power.snapshot.build import build
from purchasing_power.snapshot.user_table import UserTable

TIMES = {
    "orders": "ordered_at",
    "events": "occurred_at",
    "texts": "written_at",
    "follows": "since",
    "campaigns": "sent_at",
    "redemptions": "redeemed_at",
    "returns": "returned_at",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, pd.DataFrame], UserTable]:
    folder = small_shop(tmp_path_factory.mktemp("raw") / "shop", users=60)
    tables = {path.stem: pd.read_parquet(path) for path in folder.glob("*.parquet")}
    lines = tables["orders"].iloc[::5]
    back = lines[["user_id", "order_id", "product_id", "quantity", "amount"]].assign(
        returned_at=lines["ordered_at"] + pd.Timedelta(days=9)
    )
    write_table(back, folder / "returns.parquet")
    return {**tables, "returns": back}, build(scan(folder), progress=False)


def objects(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return json.loads(frame.to_json(orient="records", date_format="iso"))


def raw_row(tables: dict[str, pd.DataFrame], user: str, cutoff: pd.Timestamp) -> dict[str, Any]:
    """All that a shop knows about a user, the future too, as a request holds it."""
    row: dict[str, Any] = {"user_id": user, "cutoff": f"{cutoff:%Y-%m-%d}"}
    for name in TIMES:
        mine = tables[name][tables[name]["user_id"] == user].drop(columns="user_id")
        row[name] = objects(mine.merge(tables["products"]) if name == "orders" else mine)
    follows = tables["follows"]
    row["followers"] = objects(follows[follows["friend_id"] == user].drop(columns="friend_id"))
    for profile in objects(tables["users"][tables["users"]["user_id"] == user].drop(columns="user_id")):
        row |= {"joined_at": profile.pop("joined_at"), "profile": profile}
    return row


@pytest.fixture(scope="module")
def request_rows(shop: tuple[dict[str, pd.DataFrame], UserTable]) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Raw rows of five users and of those they follow or are followed by, and the snapshot's rows of the five."""
    tables, table = shop
    cutoff = table.frame["cutoff"].max()
    wanted = table.frame[table.frame["cutoff"] == cutoff].head(5)
    users = list(wanted["user_id"])
    follows = tables["follows"]
    near = set(follows[follows["user_id"].isin(users)]["friend_id"])
    near |= set(follows[follows["friend_id"].isin(users)]["user_id"])
    return [raw_row(tables, user, cutoff) for user in [*users, *sorted(near - set(users))]], wanted


@pytest.mark.slow
def test_raw_rows_and_features_get_the_same_scores(shop, request_rows) -> None:
    table = shop[1]
    raw, wanted = request_rows
    responder = purchase_responder(FastModel.of(trained(table)), Deployed("1", "production", "now"), Limits())
    outcomes = [table.meta.spend_outcome, table.meta.orders_outcome]
    plain = wanted.drop(columns=[*outcomes, "cutoff"])
    plain = plain.assign(documents=[list(texts) for texts in plain["documents"]])
    from_raw = responder.records(raw)[: len(plain)]
    from_features = responder.records(objects(plain))
    assert [one["user_id"] for one in from_raw] == list(plain["user_id"])
    np.testing.assert_allclose([one["score"] for one in from_raw], [one["score"] for one in from_features], atol=1e-9)
    assert [one["tier"] for one in from_raw] == [one["tier"] for one in from_features]
    rows = responder.raw(raw)
    expected = wanted[list(table.meta.numeric)].to_numpy(np.float64)
    np.testing.assert_allclose(rows.numeric[:5], expected, atol=1e-9)
    assert rows.documents[:5] == list(plain["documents"])


def test_a_user_without_any_row_is_predicted(shop) -> None:
    responder = purchase_responder(FastModel.of(trained(shop[1])), Deployed("1", "production", "now"), Limits())
    reply = responder.records([{"user_id": "new", "cutoff": "2024-12-01", "profile": {"age": 30}}])[0]
    assert 0 <= reply["score"] <= 1


LINE = {"order_id": "o", "product_id": "p", "ordered_at": "2024-05-01", "quantity": 1, "amount": 2.5}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cutoff": "soon"}, "row 0, cutoff: got a text; a date"),
        ({"cutoff": 3}, "row 0, cutoff: got a number"),
        ({"user_id": None}, "row 0, user_id: got null"),
        ({"spend_28d": 3}, "row 0, spend_28d: got an extra column"),
        ({"orders": {}}, "row 0, orders: got an object"),
        ({"orders": [3]}, "row 0, orders: got a number"),
        ({"orders": [{**LINE, "colour": "red"}]}, "row 0, orders, colour: got an extra column"),
        ({"orders": [{**LINE, "amount": -1}]}, "orders: some entries break a rule: amount is below 0. Correct them"),
        ({"orders": [{**LINE, "amount": "much"}]}, "amount is not a number"),
        ({"orders": [{**LINE, "amount": None}]}, "orders: .*amount is missing"),
        ({"returns": [{"returned_at": "2024-05-01", "amount": -1}]}, "returns: .*amount is below 0"),
        ({"returns": [{"returned_at": "2024-05-01", "amount": 1}] * 4}, "row 0, returns: got 4 objects"),
        ({"orders": [{**LINE, "amount": 10**400}]}, "orders: "),
        ({"orders": [{**LINE, "amount": [1]}]}, "orders: an entry holds a list"),
        ({"orders": [{"order_id": "o"}]}, "orders: product_id, ordered_at, quantity, amount is missing"),
        ({"orders": [LINE] * 4}, "row 0, orders: got 4 objects"),
        ({"profile": []}, "row 0, profile: got a list"),
        ({"profile": {"shoe": 1}}, "row 0, profile, shoe: got an extra column"),
        ({"profile": {"age": "old"}}, "row 0, profile.age: got a text"),
        ({"joined_at": "then"}, "joined_at is not a time"),
    ],
)
def test_a_wrong_raw_row_is_refused(shop, changes: dict[str, Any], said: str) -> None:
    row = {"user_id": "s3cret-user", "cutoff": "2024-06-02", "orders": [LINE], **changes}
    with pytest.raises(RequestError, match=said) as refusal:
        read_tables([copy.deepcopy(row)], shop[1].meta, Limits(max_events=3))
    assert "s3cret" not in str(refusal.value)


def test_two_descriptions_of_a_product_are_refused(shop) -> None:
    lines = [{**LINE, "title": "a"}, {**LINE, "order_id": "o2", "title": "b"}]
    row = {"user_id": "u", "cutoff": "2024-06-02", "orders": lines}
    with pytest.raises(RequestError, match="two different descriptions"):
        read_tables([row], shop[1].meta, Limits())


def test_raw_rows_give_the_features_of_the_snapshot(shop, request_rows) -> None:
    """Returns too, within the windows in which they happen."""
    meta, (raw, wanted) = shop[1].meta, request_rows
    columns = RequestColumns.of(meta)
    rows = read_raw_rows(copy.deepcopy(raw), columns, meta, Limits())
    expected = wanted[list(columns.numeric)].to_numpy(np.float64)
    np.testing.assert_allclose(rows.numeric[:5], expected, atol=1e-9)
    assert wanted["returned_lines_168d"].sum() > 0


@pytest.mark.parametrize("population", ["known", "active"])
def test_a_user_without_a_dated_sign_has_a_row_of_zeros(shop, population: str) -> None:
    meta = replace(shop[1].meta, settings={**shop[1].meta.settings, "population": population})
    columns = RequestColumns.of(meta)
    rows = read_raw_rows([{"user_id": "new", "cutoff": "2024-12-01", "profile": {"age": 30}}], columns, meta, Limits())
    found = dict(zip(columns.numeric, rows.numeric[0], strict=True))
    assert (found["orders_168d"], found["spend_28d"], found["age"]) == (0, 0, 30)
    assert np.isnan(found["days_since_order"])
