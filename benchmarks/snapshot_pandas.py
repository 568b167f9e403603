"""The snapshot's features in pandas: ids as codes, rows cut per cutoff by binary search, vectorised group-bys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

WINDOWS = (7, 14, 28, 56, 84, 168)
DAY = pd.Timedelta(days=1)
LOOKBACK = 168
OUTCOMES = ["spend_next_28d", "orders_next_28d"]
MONEY = ["quantity", "amount", "discount", "coupon_discount"]


def build(folder: Path, cutoffs: Sequence[date], mix: dict[str, dict[str, str]], zeros: Sequence[str]) -> pd.DataFrame:
    """Features and outcomes of every cutoff; ``mix`` maps category and brand to {column name: value}."""
    lines, people, since = read_lines(folder)
    orders = make_orders(lines)
    times = {"campaigns": "sent_at", "redemptions": "redeemed_at"}
    promotions = {name: read_timed(folder, name, time, people) for name, time in times.items()}
    spend = {by: spend_by(lines, by) for by in mix}
    end = lines["time"].iloc[-1].normalize()
    parts = []
    for day in cutoffs:
        cutoff = pd.Timestamp(day)
        recent = window(orders, cutoff)
        found = [order_features(recent), product_features(window(lines, cutoff))]
        found += [mix_features(window(rows, cutoff), by, mix[by]) for by, rows in spend.items()]
        found += [promotion_features(window(rows, cutoff), name) for name, rows in promotions.items()]
        found.append(outcomes(orders, cutoff))
        known = np.flatnonzero(since < cutoff)
        part = pd.concat(found, axis=1).reindex(known)
        part.insert(0, "cutoff", cutoff)
        part.insert(0, "user_id", people[known])
        if cutoff + 28 * DAY <= end:
            part[["spend_next_28d", "orders_next_28d"]] = part[["spend_next_28d", "orders_next_28d"]].fillna(0.0)
        else:
            part[["spend_next_28d", "orders_next_28d"]] = np.nan
        parts.append(part)
    return pd.concat(parts, ignore_index=True).fillna({name: 0.0 for name in zeros})


def read_lines(folder: Path) -> tuple[pd.DataFrame, pd.Index, pd.Series]:
    """Order lines in order of time, the users in order of their ids and when each is first known."""
    lines = pd.read_parquet(folder / "orders.parquet").sort_values("ordered_at", kind="stable", ignore_index=True)
    redeemed = pd.read_parquet(folder / "redemptions.parquet", columns=["user_id", "redeemed_at"])
    people = pd.Index(np.sort(pd.unique(pd.concat([lines["user_id"], redeemed["user_id"]]))))
    lines["user"] = people.get_indexer(lines["user_id"])
    lines = lines.rename(columns={"ordered_at": "time"}).drop(columns="user_id")
    products = pd.read_parquet(folder / "products.parquet", columns=["product_id", "category", "brand"])
    codes, distinct = pd.factorize(lines["product_id"])
    place = pd.Index(products["product_id"]).get_indexer(distinct)
    for name in ("category", "brand"):
        values = products[name].astype("category")
        lines[name] = values.array.take(place, allow_fill=True).take(codes)
    lines["product"] = codes
    redeemed = redeemed.assign(user=people.get_indexer(redeemed["user_id"])).rename(columns={"redeemed_at": "time"})
    signs = pd.concat([lines[["user", "time"]], redeemed[["user", "time"]]])
    return lines, people, signs.groupby("user")["time"].min()


def make_orders(lines: pd.DataFrame) -> pd.DataFrame:
    """Orders in order of time with the time since the user's order before."""
    rows = lines.assign(day=lines["time"].dt.normalize(), discounted=lines["discount"] > 0)
    grouped = rows.groupby(["user", "order_id", "day"], sort=False)
    orders = grouped.agg(time=("time", "min"), store_id=("store_id", "min"), lines=("amount", "size"))
    orders[[*MONEY, "discounted"]] = grouped[[*MONEY, "discounted"]].sum()
    orders = orders.reset_index().sort_values(["user", "time", "order_id"], ignore_index=True)
    orders["previous"] = orders.groupby("user")["time"].shift()
    orders["hour"], orders["weekday"] = orders["time"].dt.hour, orders["time"].dt.dayofweek
    return orders.sort_values("time", kind="stable", ignore_index=True)


def read_timed(folder: Path, name: str, time: str, people: pd.Index) -> pd.DataFrame:
    rows = pd.read_parquet(folder / f"{name}.parquet").rename(columns={time: "time"})
    return rows.assign(user=people.get_indexer(rows["user_id"])).sort_values("time", ignore_index=True)


def spend_by(lines: pd.DataFrame, by: str) -> pd.DataFrame:
    rows = lines.groupby(["time", "user", by], sort=True, dropna=False, observed=True)["amount"].sum().reset_index()
    return rows.rename(columns={by: "value"})


def window(rows: pd.DataFrame, cutoff: pd.Timestamp) -> pd.DataFrame:
    """Rows within the lookback, with their age in days."""
    start, stop = rows["time"].searchsorted([cutoff - LOOKBACK * DAY, cutoff])
    inside = rows.iloc[start:stop]
    return inside.assign(age=(cutoff - inside["time"]) / DAY)


def order_features(rows: pd.DataFrame) -> pd.DataFrame:
    opens = rows["time"] + rows["age"].to_numpy() * DAY - LOOKBACK * DAY
    gap = ((rows["time"] - rows["previous"]) / DAY).where(rows["previous"] >= opens)
    rows = rows.assign(gap=gap)
    by = rows.groupby("user")
    found: dict[str, pd.Series] = {"days_since_order": by["age"].min(), "days_since_first_order": by["age"].max()}
    spend = {}
    for days in WINDOWS:
        sums = rows[rows["age"] <= days].groupby("user")[["amount", "lines", "quantity"]].agg("sum")
        found[f"orders_{days}d"] = rows[rows["age"] <= days].groupby("user").size()
        found |= {
            f"spend_{days}d": sums["amount"],
            f"lines_{days}d": sums["lines"],
            f"quantity_{days}d": sums["quantity"],
        }
        spend[days] = sums["amount"]
    found |= rhythm(rows, by, found) | basket(rows, by) | discounts(rows, by) | habits(rows, by)
    return pd.DataFrame(found)


def rhythm(rows: pd.DataFrame, by: pd.api.typing.DataFrameGroupBy, found: dict[str, pd.Series]) -> dict[str, pd.Series]:
    gaps = by["gap"].agg(["mean", "std", "max", "last"])
    result = {f"gap_days_{name}": gaps[name] for name in gaps}
    result["overdue_ratio"] = found["days_since_order"] / gaps["mean"].clip(lower=1)
    for days in (14, 56):
        weight = np.exp(-np.log(2) / days * rows["age"])
        result[f"spend_decayed_{days}d"] = (weight * rows["amount"]).groupby(rows["user"]).sum()
        result[f"orders_decayed_{days}d"] = weight.groupby(rows["user"]).sum()
    number = np.ceil(rows["age"] / 28).astype(int)
    spends = rows.groupby(["user", number])["amount"].sum().unstack(fill_value=0.0)
    spends = spends.reindex(columns=range(1, 7), fill_value=0.0)
    for n in range(2, 7):
        result[f"spend_{28 * (n - 1)}_{28 * n}d_ago"] = spends[n]
    counts = rows.groupby(["user", number]).size().unstack(fill_value=0).reindex(columns=range(1, 7), fill_value=0)
    result["spend_growth_28d"] = np.log((spends[1] + 1) / (spends[2] + 1))
    result["orders_growth_28d"] = np.log((counts[1] + 1) / (counts[2] + 1))
    result["spend_growth_84d"] = np.log((spends[[1, 2, 3]].sum(axis=1) + 1) / (spends[[4, 5, 6]].sum(axis=1) + 1))
    result["orders_growth_84d"] = np.log((counts[[1, 2, 3]].sum(axis=1) + 1) / (counts[[4, 5, 6]].sum(axis=1) + 1))
    result["spend_slope_168d"] = spends @ np.array([2.5, 1.5, 0.5, -0.5, -1.5, -2.5]) / 17.5
    result["spend_std_168d"] = spends.std(axis=1)
    result["active_periods_168d"] = (spends > 0).sum(axis=1)
    result["spend_least_168d"] = spends.min(axis=1)
    return result


def basket(rows: pd.DataFrame, by: pd.api.typing.DataFrameGroupBy) -> dict[str, pd.Series]:
    amount = by["amount"].agg(["mean", "std", "max", "last", "sum"])
    lines = by["lines"].agg(["mean", "max", "sum"])
    return {
        **{f"order_amount_{name}": amount[name] for name in amount if name != "sum"},
        "order_amount_mean_28d": rows[rows["age"] <= 28].groupby("user")["amount"].mean(),
        "lines_per_order": lines["mean"],
        "lines_max": lines["max"],
        "amount_per_line": amount["sum"] / lines["sum"],
        "small_order_share": (rows["lines"] <= 3).groupby(rows["user"]).mean(),
    }


def discounts(rows: pd.DataFrame, by: pd.api.typing.DataFrameGroupBy) -> dict[str, pd.Series]:
    result = {}
    for days, inside in ((28, rows[rows["age"] <= 28]), (168, rows)):
        sums = inside.groupby("user")[["amount", "discount", "lines", "discounted"]].sum()
        result[f"discount_share_{days}d"] = sums["discount"] / (sums["amount"] + sums["discount"])
        result[f"discounted_line_share_{days}d"] = sums["discounted"] / sums["lines"]
    used = rows["coupon_discount"] > 0
    result["coupon_discount_168d"] = by["coupon_discount"].sum()
    result["coupon_order_share_168d"] = used.groupby(rows["user"]).mean()
    result["days_since_coupon"] = rows[used].groupby("user")["age"].min()
    return result


def habits(rows: pd.DataFrame, by: pd.api.typing.DataFrameGroupBy) -> dict[str, pd.Series]:
    parts = {"night": (0, 6), "morning": (6, 12), "afternoon": (12, 18), "evening": (18, 24)}
    user = rows["user"]
    stores = rows.groupby(["user", "store_id"]).size().groupby("user").agg(["size", "max", "sum"])
    return {
        "stores_168d": stores["size"],
        "main_store_share_168d": stores["max"] / stores["sum"],
        "weekend_share_168d": (rows["weekday"] >= 5).groupby(user).mean(),
        "weekdays_168d": by["weekday"].nunique(),
        **{
            f"{name}_share_168d": ((rows["hour"] >= start) & (rows["hour"] < stop)).groupby(user).mean()
            for name, (start, stop) in parts.items()
        },
    }


def product_features(lines: pd.DataFrame) -> pd.DataFrame:
    grouped = lines.groupby(["user", "product"], sort=False)
    rows = grouped["age"].agg(["min", "max", "size"])
    rows["amount"] = grouped["amount"].sum()
    by = rows.groupby("user")
    spend, recent = by["amount"].sum(), (rows["min"] <= 28).groupby("user").sum()
    repeated = rows["amount"].where(rows["size"] > 1, 0.0).groupby("user").sum()
    found = {"products_28d": recent, "products_168d": by.size(), "repeat_product_share_168d": repeated / spend}
    found["new_product_share_28d"] = (rows["max"] <= 28).groupby("user").sum() / recent
    return pd.DataFrame({**found, "top_product_share_168d": by["amount"].max() / spend})


def mix_features(spend: pd.DataFrame, by: str, columns: dict[str, str]) -> pd.DataFrame:
    stem = {"category": "categories", "brand": "brands"}[by]
    grouped = spend.groupby(["user", "value"], observed=True, dropna=False)
    rows = grouped.agg(amount=("amount", "sum"), youngest=("age", "min")).reset_index()
    whole = rows.groupby("user")["amount"].sum()
    known = rows[rows["value"].notna()]
    table = known.pivot(index="user", columns="value", values="amount").reindex(whole.index).fillna(0.0)
    found = {name: (table[value] if value in table else 0.0 * whole) / whole for name, value in columns.items()}
    found[f"{stem}_28d"] = (known["youngest"] <= 28).groupby(known["user"]).sum()
    found[f"{stem}_168d"] = known.groupby("user").size()
    if by == "category":
        shares = table.div(table.sum(axis=1).replace(0.0, np.nan), axis=0)
        logs = np.log(shares.where(shares > 0, 1.0))
        found["category_entropy_168d"] = -(shares * logs).sum(axis=1, skipna=False)
        found["top_category_share_168d"] = table.max(axis=1) / whole
    return pd.DataFrame(found)


def promotion_features(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    found = {f"{name}_{days}d": rows[rows["age"] <= days].groupby("user").size() for days in (28, 84, 168)}
    found[f"days_since_{name[:-1]}"] = rows.groupby("user")["age"].min()
    if name == "redemptions":
        found["campaigns_redeemed"] = rows.groupby("user")["campaign_id"].nunique()
    return pd.DataFrame(found)


def outcomes(orders: pd.DataFrame, cutoff: pd.Timestamp) -> pd.DataFrame:
    start, stop = orders["time"].searchsorted([cutoff, cutoff + 28 * DAY])
    sums = orders.iloc[start:stop].groupby("user")["amount"].agg(["sum", "size"])
    return sums.set_axis(OUTCOMES, axis=1)
