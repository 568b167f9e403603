"""Discounts and coupons used, campaigns received and redeemed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ibis.expr.types as ir

from purchasing_power.snapshot.arithmetic import ratio, total
from purchasing_power.snapshot.feature import Block, Feature
from purchasing_power.snapshot.history import History
from purchasing_power.snapshot.plan import Plan


def discount_features(plan: Plan) -> list[Feature]:
    """Discounts as shares of what the goods would have cost."""
    windows = plan.spans(28)
    return [feature for days in windows for feature in _discounts(days)]


def _discounts(days: int) -> list[Feature]:
    def inside(t: ir.Table) -> Any:
        return t.age_days <= days

    return [
        Feature(
            f"discount_share_{days}d",
            "share",
            f"Discount over amount paid plus discount, last {days} days.",
            f"近 {days} 天折扣占比",
            lambda t: ratio(total(t.discount, inside(t)), total(t.amount + t.discount, inside(t))),
            of_amounts=True,
        ),
        Feature(
            f"discounted_line_share_{days}d",
            "share",
            f"Share of order lines with a discount above 0, last {days} days.",
            f"近 {days} 天打折订单行占比",
            lambda t: ratio(total(t.discounted_lines, inside(t)), total(t.lines, inside(t))),
        ),
    ]


def coupon_features(plan: Plan) -> list[Feature]:
    """Coupon discounts, a part of the discounts."""
    days = plan.lookback

    def used(t: ir.Table) -> ir.BooleanValue:
        return t.coupon_discount > 0

    return [
        Feature(
            f"coupon_discount_{days}d",
            "currency",
            f"Discount through coupons, last {days} days.",
            f"近 {days} 天优惠券抵扣金额",
            lambda t: total(t.coupon_discount),
            0.0,
        ),
        Feature(
            f"coupon_order_share_{days}d",
            "share",
            f"Share of orders with a coupon discount, last {days} days.",
            f"近 {days} 天使用优惠券的订单占比",
            lambda t: ratio(t.count(where=used(t)), t.count()),
        ),
        Feature(
            "days_since_coupon",
            "days",
            "Time from the last order with a coupon discount to the cutoff.",
            "距上次使用优惠券的天数",
            lambda t: t.age_days.min(where=used(t)),
        ),
    ]


def campaign_features(plan: Plan) -> list[Feature]:
    """Campaigns received per window and when the last one came."""
    since = "Time from the last campaign received to the cutoff."
    return [
        *_counts(plan, "campaigns", "Campaigns received", "收到的营销活动数"),
        Feature("days_since_campaign", "days", since, "距上次收到营销活动的天数", lambda t: t.age_days.min()),
    ]


def redemption_features(plan: Plan) -> list[Feature]:
    """Redemptions per window, when the last one was and of how many campaigns."""
    since = "Time from the last coupon redeemed to the cutoff."
    different = "Different campaigns with a redemption within the lookback."
    return [
        *_counts(plan, "redemptions", "Coupons redeemed", "核销优惠券次数"),
        Feature("days_since_redemption", "days", since, "距上次核销优惠券的天数", lambda t: t.age_days.min()),
        Feature(
            "campaigns_redeemed", "campaigns", different, "核销过的不同活动数", lambda t: t.campaign_id.nunique(), 0.0
        ),
    ]


def _counts(plan: Plan, stem: str, meaning: str, chinese_name: str) -> list[Feature]:
    def inside(days: int) -> Callable[[ir.Table], Any]:
        return lambda t: t.count(where=t.age_days <= days)

    windows = plan.spans(28, 84)
    return [
        Feature(
            f"{stem}_{days}d",
            stem,
            f"{meaning} in the last {days} days.",
            f"近 {days} 天{chinese_name}",
            inside(days),
            0.0,
        )
        for days in windows
    ]


def _rows(name: str) -> Callable[[History], ir.Table]:
    return lambda history: history.at_cutoffs(history.timed(name, "campaign_id"))


BLOCKS = [
    Block("discounts", ("orders.discount",), lambda history: history.orders_at, discount_features),
    Block("coupons", ("orders.coupon_discount",), lambda history: history.orders_at, coupon_features),
    Block("campaigns", ("campaigns",), _rows("campaigns"), campaign_features),
    Block("redemptions", ("redemptions",), _rows("redemptions"), redemption_features),
]
