"""The table contract of a shop: its tables, and what each of their columns must hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

MAX_AMOUNT = 1e6
REQUIRED_TABLES = ("orders",)
# Columns that are unique together; of orders only the lines that the intake wrote, where lines were added up.
KEYS: dict[str, tuple[str, ...]] = {
    "orders": ("user_id", "order_id", "product_id"),
    "products": ("product_id",),
    "users": ("user_id",),
    "follows": ("user_id", "friend_id"),
}
USER_COLUMNS: dict[str, tuple[str, ...]] = {
    "orders": ("user_id",),
    "products": (),
    "events": ("user_id",),
    "texts": ("user_id",),
    "follows": ("user_id", "friend_id"),
    "users": ("user_id",),
    "campaigns": ("user_id",),
    "redemptions": ("user_id",),
    "returns": ("user_id",),
}
TIMES: dict[str, tuple[str, ...]] = {
    "orders": ("ordered_at",),
    "products": (),
    "events": ("occurred_at",),
    "texts": ("written_at",),
    "follows": ("since",),
    "users": ("joined_at",),
    "campaigns": ("sent_at",),
    "redemptions": ("redeemed_at",),
    "returns": ("returned_at",),
}
OPEN_TABLES = ("users", "products")
DEFAULTS: dict[str, dict[str, float]] = {"orders": {"discount": 0.0}}
EARLIEST = pd.Timestamp("1970-01-01")
REMEDIES = {
    "is missing": "Fill in the missing values, or leave those rows out.",
    "is not a number": "Correct them, or say how numbers are written under formats in a mapping file.",
    "is not a time": "Correct them, or say how dates are written under formats in a mapping file.",
    "is before 1970": "Check the unit and the format of the times.",
    "is in the future": "Check the clock and the time zone of the export.",
    "is below 0": "Write what was taken off, or how many, as a number of 0 or more.",
    "is infinite": "Replace infinite values.",
    "is above": "Raise it with -P max_amount=NUMBER if such amounts are real.",
    "repeats": "Keep one row for each key.",
    "fields instead of": "Put fields that hold the delimiter in quotes.",
}


@dataclass(frozen=True)
class Column:
    """What a column of a shop table must hold.

    Attributes
    ----------
    kind
        ``id``, ``text``, ``number`` or ``time``; ``money`` is a number between 0 and ``max_amount`` (either sign in
        orders and returns, where money may go back).
    needed
        Whether the table needs the column.
    filled
        Whether every row needs a value; a row without one is quarantined.
    """

    kind: str
    needed: bool = True
    filled: bool = True


_MAYBE = {kind: Column(kind, needed=False, filled=False) for kind in ("id", "text", "number", "time", "money")}
_USER = Column("id")

TABLES: dict[str, dict[str, Column]] = {
    "orders": {
        # A row without a user is a guest's: it counts for products.
        "user_id": Column("id", filled=False),
        "order_id": Column("id", needed=False),
        "product_id": Column("id", needed=False),
        "ordered_at": Column("time"),
        "quantity": Column("number", needed=False),
        "amount": Column("money", needed=False),
        "discount": _MAYBE["money"],
        "coupon_discount": _MAYBE["money"],
        "store_id": _MAYBE["id"],
        "status": _MAYBE["text"],
        "currency": _MAYBE["text"],
    },
    "returns": {
        "user_id": _MAYBE["id"],
        "order_id": _MAYBE["id"],
        "product_id": _MAYBE["id"],
        "returned_at": Column("time"),
        "quantity": _MAYBE["number"],
        "amount": Column("money"),
        "currency": _MAYBE["text"],
    },
    "products": {
        "product_id": Column("id"),
        "title": Column("text"),
        "category": _MAYBE["text"],
        "brand": _MAYBE["text"],
    },
    "events": {"user_id": _USER, "occurred_at": Column("time"), "event": Column("text"), "product_id": _MAYBE["id"]},
    "texts": {"user_id": _USER, "written_at": Column("time"), "text": Column("text"), "kind": _MAYBE["text"]},
    "follows": {"user_id": _USER, "friend_id": _USER, "since": _MAYBE["time"]},
    "users": {"user_id": _USER, "joined_at": _MAYBE["time"]},
    "campaigns": {"user_id": _USER, "campaign_id": Column("id"), "sent_at": Column("time")},
    "redemptions": {"user_id": _USER, "campaign_id": Column("id"), "redeemed_at": Column("time")},
}


def naive_utc(moment: datetime) -> pd.Timestamp:
    """A moment as tz-naive UTC; one without a time zone is taken as UTC already."""
    stamp = pd.Timestamp(moment)
    return stamp.tz_convert("UTC").tz_localize(None) if stamp.tzinfo else stamp
