"""Each block's figures against a second computation, user by user, in plain pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from purchasing_power.snapshot.user_table import UserTable

Tables = dict[str, pd.DataFrame]
CUTOFF = pd.Timestamp("2024-07-07")


def seen(frame: pd.DataFrame, time: str, user: str, days: int = 168) -> pd.DataFrame:
    """Rows of a user within the days before the cutoff, with their age in days."""
    aged = frame.assign(age=(CUTOFF - frame[time]) / pd.Timedelta(days=1))
    return aged[(aged["user_id"] == user) & (aged["age"] > 0) & (aged["age"] <= days)]


def share(part: float, whole: float) -> float:
    return part / whole if whole else np.nan


def promotions(shop: Tables, user: str) -> dict[str, float]:
    lines, redeemed = seen(shop["orders"], "ordered_at", user), seen(shop["redemptions"], "redeemed_at", user)
    orders = lines.groupby("order_id").agg(coupon=("coupon_discount", "sum"), age=("age", "max"))
    return {
        "discount_share_168d": share(lines["discount"].sum(), (lines["amount"] + lines["discount"]).sum()),
        "discounted_line_share_168d": share((lines["discount"] > 0).sum(), len(lines)),
        "coupon_discount_168d": lines["coupon_discount"].sum(),
        "coupon_order_share_168d": share((orders["coupon"] > 0).sum(), len(orders)),
        "days_since_coupon": orders.loc[orders["coupon"] > 0, "age"].min(),
        "campaigns_84d": len(seen(shop["campaigns"], "sent_at", user, 84)),
        "redemptions_168d": len(redeemed),
        "campaigns_redeemed": redeemed["campaign_id"].nunique(),
        "days_since_redemption": redeemed["age"].min(),
    }


def mix(shop: Tables, user: str) -> dict[str, float]:
    lines = seen(shop["orders"], "ordered_at", user).merge(shop["products"], how="left", on="product_id")
    spend, times = lines["amount"].sum(), lines.groupby("product_id")["order_id"].transform("nunique")
    recent = lines.loc[lines["age"] <= 28, "product_id"].unique()
    old = lines.loc[lines["age"] > 28, "product_id"].unique()
    return {
        "products_28d": len(recent),
        "products_168d": lines["product_id"].nunique(),
        "new_product_share_28d": share(len(set(recent) - set(old)), len(recent)),
        "repeat_product_share_168d": share(lines.loc[times > 1, "amount"].sum(), spend),
        "top_product_share_168d": lines.groupby("product_id")["amount"].sum().max() / spend if spend else np.nan,
        "categories_168d": lines["category"].nunique(),
        "category_share_grocery": share(lines.loc[lines["category"] == "grocery", "amount"].sum(), spend),
        "brand_share_brio": share(lines.loc[lines["brand"] == "Brio", "amount"].sum(), spend),
    }


def habits(shop: Tables, user: str) -> dict[str, float]:
    orders = seen(shop["orders"], "ordered_at", user).groupby("order_id").first()
    hour, day = orders["ordered_at"].dt.hour, orders["ordered_at"].dt.dayofweek
    return {
        "stores_168d": orders["store_id"].nunique(),
        "main_store_share_168d": share(orders["store_id"].value_counts().max(), len(orders)),
        "weekend_share_168d": share((day >= 5).sum(), len(orders)),
        "weekdays_168d": day.nunique(),
        "night_share_168d": share((hour < 6).sum(), len(orders)),
        "evening_share_168d": share((hour >= 18).sum(), len(orders)),
    }


def behaviour(shop: Tables, user: str) -> dict[str, float]:
    events, texts = seen(shop["events"], "occurred_at", user), seen(shop["texts"], "written_at", user)
    orders = seen(shop["orders"], "ordered_at", user)["order_id"].nunique()
    return {
        "days_since_event": events["age"].min(),
        "events_28d": (events["age"] <= 28).sum(),
        "event_view_7d": ((events["event"] == "view") & (events["age"] <= 7)).sum(),
        "event_cart_84d": ((events["event"] == "cart") & (events["age"] <= 84)).sum(),
        "views_per_order_168d": share((events["event"] == "view").sum(), orders),
        "texts_28d": (texts["age"] <= 28).sum(),
        "days_since_text": texts["age"].min(),
        "text_length_mean": texts["text"].str.len().mean(),
    }


def returns(shop: Tables, user: str) -> dict[str, float]:
    lines, back = seen(shop["orders"], "ordered_at", user), seen(shop["returns"], "returned_at", user)
    month = {name: rows.loc[rows["age"] <= 28, "amount"].sum() for name, rows in (("out", lines), ("back", back))}
    before = {
        name: rows.loc[(rows["age"] > 28) & (rows["age"] <= 56), "amount"].sum()
        for name, rows in (("out", lines), ("back", back))
    }
    now, then = (max(part["out"] - part["back"], 0) for part in (month, before))
    return {
        "spend_28d": month["out"] - month["back"],
        "spend_168d": lines["amount"].sum() - back["amount"].sum(),
        "spend_28_56d_ago": before["out"] - before["back"],
        "spend_growth_28d": np.log((now + 1) / (then + 1)),
        "spend_decayed_14d": sum(
            (sign * rows["amount"] * 0.5 ** (rows["age"] / 14)).sum() for sign, rows in ((1, lines), (-1, back))
        ),
        "orders_28d": lines.loc[lines["age"] <= 28, "order_id"].nunique(),
        "order_amount_max": lines.groupby("order_id")["amount"].sum().max(),
        "returned_lines_84d": (back["age"] <= 84).sum(),
        "returned_amount_28d": month["back"],
        "return_line_share_168d": share(len(back), len(lines)),
        "return_amount_share_168d": share(back["amount"].sum(), lines["amount"].sum()),
        "days_since_return": back["age"].min(),
    }


def outcomes(shop: Tables, user: str) -> dict[str, float]:
    def next_28(name: str, time: str) -> pd.DataFrame:
        mine = shop[name][shop[name]["user_id"] == user]
        return mine[(mine[time] >= CUTOFF) & (mine[time] < CUTOFF + pd.Timedelta(days=28))]

    bought, back = next_28("orders", "ordered_at"), next_28("returns", "returned_at")
    return {
        "spend_next_28d": bought["amount"].sum() - back["amount"].sum(),
        "orders_next_28d": bought["order_id"].nunique(),
    }


def social(shop: Tables, user: str) -> dict[str, float]:
    known = shop["follows"][shop["follows"]["since"] < CUTOFF]
    friends = known.loc[known["user_id"] == user, "friend_id"]
    spends = [seen(shop["orders"], "ordered_at", friend, 28) for friend in friends]
    backs = [seen(shop["returns"], "returned_at", friend, 28)["amount"].sum() for friend in friends]
    nets = [rows["amount"].sum() - back for rows, back in zip(spends, backs, strict=True)]
    return {
        "follows_out": len(friends),
        "follows_in": (known["friend_id"] == user).sum(),
        "friend_spend_mean_28d": float(np.mean(nets)) if spends else np.nan,
        "friend_active_share_28d": float(np.mean([len(rows) > 0 for rows in spends])) if spends else np.nan,
    }


@pytest.mark.parametrize(
    "expected", [promotions, mix, habits, behaviour, social, returns, outcomes], ids=lambda block: block.__name__
)
def test_a_blocks_figures_equal_a_computation_in_pandas(shop: Tables, panel: UserTable, expected: object) -> None:
    rows = panel.frame[panel.frame["cutoff"] == CUTOFF].set_index("user_id")
    figures = {user: expected(shop, user) for user in rows.index}  # type: ignore[operator]
    again = pd.DataFrame.from_dict(figures, orient="index")
    assert (again.fillna(0).abs().sum() > 0).all()
    pd.testing.assert_frame_equal(rows[list(again)], again.astype(float), check_names=False, atol=1e-5, rtol=0)
