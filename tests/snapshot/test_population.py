"""Who has a row at a cutoff: users with a dated sign, counted anew in pandas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import date, timedelta

import ibis
import numpy as np
import pandas as pd
import pytest

from purchasing_power.errors import DataError
from purchasing_power.snapshot.build import build, features
from purchasing_power.snapshot.history import History
from purchasing_power.snapshot.plan import Plan, fit_plan, reuse_plan
from purchasing_power.snapshot.settings import SnapshotSettings
from purchasing_power.snapshot.user_table import UserTable, UserTableMeta

Tables = dict[str, pd.DataFrame]
Scan = Callable[[Tables], dict[str, ibis.Table]]
JUNE = SnapshotSettings(first_cutoff=date(2024, 6, 2), last_cutoff=date(2024, 6, 2))
CUTS = SnapshotSettings(lookback=56, first_cutoff=date(2024, 3, 3), last_cutoff=date(2024, 6, 23), step=28)
SIGNS = {
    "orders": ("ordered_at", ["user_id"]),
    "events": ("occurred_at", ["user_id"]),
    "texts": ("written_at", ["user_id"]),
    "follows": ("since", ["user_id", "friend_id"]),
    "users": ("joined_at", ["user_id"]),
    "redemptions": ("redeemed_at", ["user_id"]),
    "returns": ("returned_at", ["user_id"]),
}


def days(random: np.random.Generator, count: int) -> pd.Series:
    """Seconds from 2024-01-01 on, 200 days long."""
    seconds = random.integers(0, 200 * 86_400, count)
    return pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(seconds, unit="s")).astype("datetime64[us]")


@pytest.fixture(scope="module")
def retailer() -> Tables:
    """A shop whose users table, with everybody in it, has a date for few, and whose follows have one for half."""
    random = np.random.default_rng(7)
    ids = np.array([f"u{number:03d}" for number in range(120)])

    def people(count: int, of: int = len(ids)) -> np.ndarray:
        return random.choice(ids[:of], count)

    orders = pd.DataFrame({"user_id": people(260, 90), "product_id": "p", "ordered_at": days(random, 260)})
    orders["user_id"] = orders["user_id"].astype("object").where(random.random(260) > 0.2, None)
    orders = orders.assign(
        order_id=[f"o{n}" for n in range(260)], quantity=1.0, amount=random.integers(1, 90, 260) * 1.0
    )
    follows = pd.DataFrame({"user_id": people(200), "friend_id": people(200)}).drop_duplicates(ignore_index=True)
    joined = days(random, len(ids)).where(random.random(len(ids)) < 0.1)
    return {
        "orders": orders,
        "events": pd.DataFrame({"user_id": people(40), "occurred_at": days(random, 40), "event": "view"}),
        "texts": pd.DataFrame({"user_id": people(20), "written_at": days(random, 20), "text": "fine"}),
        "follows": follows.assign(since=days(random, len(follows)).where(random.random(len(follows)) < 0.5)),
        "users": pd.DataFrame({"user_id": ids, "joined_at": joined, "age": 30.0}),
        "campaigns": pd.DataFrame({"user_id": ids, "campaign_id": "c", "sent_at": pd.Timestamp("2024-01-02")}),
        "redemptions": pd.DataFrame({"user_id": people(15), "campaign_id": "c", "redeemed_at": days(random, 15)}),
        "returns": pd.DataFrame({"user_id": people(15), "returned_at": days(random, 15), "amount": 1.0}),
    }


@pytest.fixture(scope="module")
def retailer_table(retailer: Tables, tmp_path_factory: pytest.TempPathFactory) -> UserTable:
    return build({name: ibis.memtable(frame) for name, frame in retailer.items()}, CUTS, progress=False)


def signs(shop: Tables) -> pd.DataFrame:
    parts = [
        shop[name][[column, time]].set_axis(["user_id", "at"], axis=1).dropna()
        for name, (time, columns) in SIGNS.items()
        if name in shop and time in shop[name]
        for column in columns
    ]
    return pd.concat(parts, ignore_index=True)


def users_at(tables: dict[str, ibis.Table], population: str, lookback: int = 168) -> list[str]:
    """Users of 2024-06-02."""
    history = History(tables, [date(2024, 6, 2)], Plan(lookback=lookback, population=population))
    return sorted(history.population.to_pandas()["user_id"])


def counted(shop: Tables, cutoff: pd.Timestamp, lookback: int | None) -> list[str]:
    seen = signs(shop)
    since = pd.Timestamp(0) if lookback is None else cutoff - pd.Timedelta(days=lookback)
    return sorted(seen.loc[(seen["at"] < cutoff) & (seen["at"] >= since), "user_id"].unique())


@pytest.mark.parametrize(("population", "lookback"), [("known", None), ("active", 56)])
def test_the_users_at_a_cutoff_are_those_with_a_dated_sign(
    retailer: Tables, retailer_table: UserTable, population: str, lookback: int | None
) -> None:
    table = retailer_table
    if population == "active":
        tables = {name: ibis.memtable(frame) for name, frame in retailer.items()}
        table = build(tables, replace(CUTS, population="active"), progress=False)
    found = table.frame.groupby("cutoff")["user_id"].agg(list)
    assert len(found) == 5
    for cutoff, users in found.items():
        assert users == counted(retailer, cutoff, lookback)
    assert table.meta.settings["population"] == population
    assert f"population={population}" in (table.meta.population_text or "")


def test_the_table_says_how_many_rows_each_rule_gives(retailer: Tables, retailer_table: UserTable) -> None:
    cuts = retailer_table.cutoffs()
    rows = {
        rule: sum(len(counted(retailer, cut, days)) for cut in cuts) for rule, days in (("known", None), ("active", 56))
    }
    assert retailer_table.meta.population_rows == rows
    assert rows["active"] < rows["known"] == len(retailer_table.frame) < 5 * 120


def test_tables_without_times_make_nobody_known(orders: Tables, scanned: Scan) -> None:
    users = pd.DataFrame({"user_id": ["ann", "dan", "eva"], "age": [20.0, 30.0, 40.0]})
    follows = pd.DataFrame({"user_id": ["ann", "ann", "fay"], "friend_id": ["dan", "ben", "ann"]})
    # Dan orders in August; Eva and Fay never do.
    assert users_at(scanned({**orders, "users": users, "follows": follows}), "known") == ["ann", "ben", "cid"]


def test_an_undated_follow_holds_between_users_who_are_known_by_then(orders: Tables, scanned: Scan) -> None:
    since = pd.to_datetime([None, None, "2024-06-01", "2024-06-02"]).astype("datetime64[us]")
    pairs = [("ann", "ben"), ("ann", "dan"), ("cid", "ann"), ("ben", "cid")]
    follows = pd.DataFrame(pairs, columns=["user_id", "friend_id"]).assign(since=since)
    for later in (follows, follows.drop(columns="since").iloc[:2]):
        frame = build(scanned({**orders, "follows": later}), JUNE, progress=False).frame.set_index("user_id")
        assert frame["follows_out"].to_dict() == {"ann": 1, "ben": 0, "cid": 1 if "since" in later else 0}
        assert frame["follows_in"]["ben"] == 1


def test_orders_of_guests_count_for_products_alone(orders: Tables, scanned: Scan) -> None:
    guests = pd.DataFrame({"user_id": None, "order_id": ["g1", "g2"], "product_id": ["p1", "p3"], "quantity": 1.0})
    guests = guests.assign(amount=500.0, discount=0.0, ordered_at=pd.Timestamp("2024-05-01").as_unit("us"))
    both = pd.concat([orders["orders"], guests], ignore_index=True)
    products = orders["products"].assign(category=["drink", "food", "games"])
    alone, beside = (
        build(scanned({"orders": rows, "products": products}), JUNE, progress=False)
        for rows in (orders["orders"], both)
    )
    assert list(beside.frame["user_id"]) == ["ann", "ben", "cid"]
    assert alone.meta.settings["categories"] == ["food", "drink", "games"]
    assert beside.meta.settings["categories"] == ["drink", "games", "food"]
    pd.testing.assert_frame_equal(
        beside.frame[alone.frame.columns.drop("documents")], alone.frame.drop(columns="documents")
    )


def test_a_shop_of_guests_alone_is_refused(orders: Tables, scanned: Scan) -> None:
    rows = orders["orders"].assign(user_id=pd.Series([None] * len(orders["orders"]), dtype="str"))
    with pytest.raises(DataError, match="no row with a user_id"):
        build(scanned({"orders": rows}), JUNE, progress=False)


def test_the_population_is_inherited_unless_another_is_named(orders: Tables, scanned: Scan) -> None:
    tables = scanned(orders)
    first = fit_plan(tables, replace(JUNE, population="active"), date(2024, 6, 2))
    assert reuse_plan(asdict(first), tables, JUNE) == first
    assert reuse_plan(asdict(first), tables, replace(JUNE, population="known")).population == "known"
    assert fit_plan(tables, JUNE, date(2024, 6, 2)).population == "known"


def test_settings_from_before_the_rule_mean_known_users_and_amounts(panel: UserTable) -> None:
    old = {name: value for name, value in panel.meta.settings.items() if name not in ("population", "amounts")}
    assert Plan(**old).population == "known" and Plan(**old).amounts
    meta = UserTableMeta.from_dict({"kind": "panel", "numeric": ["a"], "categorical": [], "settings": old})
    assert meta.population_text is None


def test_a_request_has_a_row_for_each_of_its_users_whatever_the_population(orders: Tables, scanned: Scan) -> None:
    settings = build(scanned(orders), replace(JUNE, population="active"), progress=False).meta.settings
    users = pd.DataFrame({"user_id": ["eva", "ann"]})
    follows = pd.DataFrame({"user_id": ["eva"], "friend_id": ["gil"]})
    rows = features(scanned({**orders, "users": users, "follows": follows}), [date(2024, 6, 2)], settings)
    eva = rows.set_index("user_id").loc["eva"]
    assert eva["orders_168d"] == 0 and np.isnan(eva["days_since_order"]) and eva["follows_out"] == 1


def test_no_other_population_is_taken() -> None:
    with pytest.raises(DataError, match="got 'everyone'; allowed are auto, known, active"):
        SnapshotSettings(population="everyone")


def test_a_sign_at_the_edge_of_the_lookback_counts_and_one_at_the_cutoff_does_not(scanned: Scan) -> None:
    cut = pd.Timestamp("2024-06-02")
    at = [cut - timedelta(days=7), cut - timedelta(days=7, seconds=1), cut, cut - timedelta(seconds=1)]
    rows = pd.DataFrame({"user_id": list("abcd"), "order_id": list("abcd"), "ordered_at": at})
    rows["ordered_at"] = rows["ordered_at"].astype("datetime64[us]")
    rows = rows.assign(product_id="p", quantity=1.0, amount=1.0)
    for population, users in (("known", "abd"), ("active", "ad")):
        assert "".join(users_at(scanned({"orders": rows}), population, 7)) == users
