"""The table contract of a shop: pandera schemas, and what each of their columns is for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd
import pandera.pandas as pa

MAX_AMOUNT = 1e6
REQUIRED_TABLES = ("orders",)
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
    "is not a number": "Write numbers like 12.50, without currency signs or thousands separators.",
    "is not a time": "Write times like 2024-01-31 or 2024-01-31T12:00:00Z (ISO 8601, UTC unless they say).",
    "is before 1970": "Check the unit and the format of the times.",
    "is in the future": "Check the clock and the time zone of the export.",
    "is below 0": "Keep refunds in a table of their own.",
    "is infinite": "Replace infinite values.",
    "is above": "Raise max_amount if such amounts are real.",
    "repeats": "Keep one row for each key; add up order lines of one product.",
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
    "events": {
        "user_id": _USER,
        "occurred_at": Column("time"),
        "event": Column("text"),
        "product_id": _MAYBE["id"],
    },
    "texts": {"user_id": _USER, "written_at": Column("time"), "text": Column("text"), "kind": _MAYBE["text"]},
    "follows": {"user_id": _USER, "friend_id": _USER, "since": _MAYBE["time"]},
    "users": {"user_id": _USER, "joined_at": _MAYBE["time"]},
    "campaigns": {"user_id": _USER, "campaign_id": Column("id"), "sent_at": Column("time")},
    "redemptions": {"user_id": _USER, "campaign_id": Column("id"), "redeemed_at": Column("time")},
}


def _text(required: bool = True) -> pa.Column:
    return pa.Column("str", nullable=not required, required=required)


def _time(now: pd.Timestamp | None, required: bool = True) -> pa.Column:
    checks = [pa.Check.ge(EARLIEST, error="is before 1970")]
    if now is not None:
        checks.append(pa.Check.le(now, error="is in the future"))
    return pa.Column("datetime64[us]", checks, nullable=not required, required=required)


def _number(upper: float | None = None, required: bool = True) -> pa.Column:
    last = pa.Check.lt(float("inf"), error="is infinite")
    if upper is not None:
        last = pa.Check.le(upper, error=f"is above {upper:,.0f}")
    checks = [pa.Check.ge(0, error="is below 0"), last]
    return pa.Column("float64", checks, nullable=not required, required=required)


def schemas(max_amount: float = MAX_AMOUNT, now: datetime | None = None) -> dict[str, pa.DataFrameSchema]:
    """Schema of every shop table, with the bounds that a caller chooses.

    Parameters
    ----------
    max_amount
        Largest amount and discount of one order line, in the shop's currency.
    now
        No time may lie after it (tz-naive means UTC); ``None`` leaves times unbounded above.
    """
    last = None if now is None else naive_utc(now)
    text, maybe_text = _text(), _text(required=False)
    time, maybe_time = _time(last), _time(last, required=False)
    maybe_money = _number(max_amount, required=False)
    columns: dict[str, dict[str, pa.Column]] = {
        "orders": {
            "user_id": text,
            "order_id": text,
            "product_id": text,
            "ordered_at": time,
            "quantity": _number(),
            "amount": _number(max_amount),
            "discount": maybe_money,
            "coupon_discount": maybe_money,
            "store_id": maybe_text,
        },
        "products": {"product_id": text, "title": text, "category": maybe_text, "brand": maybe_text},
        "events": {"user_id": text, "occurred_at": time, "event": text, "product_id": maybe_text},
        "texts": {"user_id": text, "written_at": time, "text": text, "kind": maybe_text},
        "follows": {"user_id": text, "friend_id": text, "since": maybe_time},
        "users": {"user_id": text, "joined_at": maybe_time},
        "campaigns": {"user_id": text, "campaign_id": text, "sent_at": time},
        "redemptions": {"user_id": text, "campaign_id": text, "redeemed_at": time},
        "returns": {
            "user_id": text,
            "order_id": maybe_text,
            "product_id": maybe_text,
            "returned_at": time,
            "quantity": _number(required=False),
            "amount": maybe_money,
        },
    }
    return {name: pa.DataFrameSchema(parts, name=name) for name, parts in columns.items()}


def key_schema(name: str) -> pa.DataFrameSchema:
    """Schema that says which columns of a table are unique together: the first row of each key is right."""
    unique = list(KEYS.get(name, ()))
    return pa.DataFrameSchema(unique=unique or None, report_duplicates="exclude_first", name=name)


def naive_utc(moment: datetime) -> pd.Timestamp:
    """A moment as tz-naive UTC; one without a time zone is taken as UTC already."""
    stamp = pd.Timestamp(moment)
    return stamp.tz_convert("UTC").tz_localize(None) if stamp.tzinfo else stamp


SCHEMAS: dict[str, pa.DataFrameSchema] = schemas()
