"""What a user buys: products, categories and brands, their number, concentration and repetition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ibis.expr.types as ir

from purchasing_power.snapshot.arithmetic import entropy, ratio, total
from purchasing_power.snapshot.feature import Block, Feature, slugs
from purchasing_power.snapshot.history import History
from purchasing_power.snapshot.plan import Plan

UNKNOWN = "Lines of unknown {0} count in the divisor only, so the shares need not add up to 1."


def product_rows(history: History) -> ir.Table:
    """One row per user, cutoff and product bought within the lookback."""
    rows = history.at_cutoffs(history.lines.select("user", "second", "product", "weight"))
    figures = {"first_age_days": rows.age_days.max(), "last_age_days": rows.age_days.min(), "lines": rows.count()}
    return rows.group_by("user", "cutoff", "product").aggregate(weight=total(rows.weight), **figures)


def product_features(plan: Plan) -> list[Feature]:
    """Number of products and how much of what is bought repeats."""

    def repeated(t: ir.Table) -> Any:
        return ratio(total(t.weight, t.lines > 1), total(t.weight))

    def new(t: ir.Table) -> Any:
        return ratio(t.count(where=t.first_age_days <= recent), t.count(where=t.last_age_days <= recent))

    def top(t: ir.Table) -> Any:
        return ratio(t.weight.max(), total(t.weight))

    days, recent, (spend, spend_zh) = plan.lookback, plan.recent, _weighed(plan)
    of_repeated = f"Share of {spend} in the last {days} days on products bought in two orders or more of them."
    of_new = f"Share of the products of the last {recent} days not bought before within the lookback."
    of_top = f"Share of {spend} in the last {days} days on the product with most of it."
    return [
        *_counts("products", "购买的不同商品数", plan, lambda t: t["product"].notnull()),
        Feature(f"repeat_product_share_{days}d", "share", of_repeated, f"近 {days} 天复购商品{spend_zh}占比", repeated),
        Feature(f"new_product_share_{recent}d", "share", of_new, f"近 {recent} 天新商品占比", new),
        Feature(f"top_product_share_{days}d", "share", of_top, f"近 {days} 天{spend_zh}最多的商品占比", top),
    ]


def category_features(plan: Plan) -> list[Feature]:
    """Number, entropy and shares of categories."""
    days, (spend, spend_zh) = plan.lookback, _weighed(plan)
    return [
        *_counts("categories", "购买的不同品类数", plan, lambda t: t.value.notnull()),
        Feature(
            f"category_entropy_{days}d",
            "nats",
            f"Entropy of {spend} over categories in the last {days} days, lines of unknown category left out.",
            f"近 {days} 天品类分散程度（熵）",
            lambda t: entropy(t.weight, t.value.notnull()),
        ),
        Feature(
            f"top_category_share_{days}d",
            "share",
            f"Share of {spend} in the last {days} days in the category with most of it. " + UNKNOWN.format("category"),
            f"近 {days} 天{spend_zh}最多的品类占比",
            lambda t: ratio(t.weight.max(where=t.value.notnull()), total(t.weight)),
        ),
        *_shares("category", "品类", plan.categories, plan),
    ]


def brand_features(plan: Plan) -> list[Feature]:
    """Number and shares of brands."""
    counts = _counts("brands", "购买的不同品牌数", plan, lambda t: t.value.notnull())
    return [*counts, *_shares("brand", "品牌", plan.brands, plan)]


def _weighed(plan: Plan) -> tuple[str, str]:
    """What the shares are of, in English and Chinese."""
    return ("spend", "消费") if plan.amounts else ("order lines", "订单行")


def _counts(stem: str, chinese_name: str, plan: Plan, known: Callable[[ir.Table], Any]) -> list[Feature]:
    def within(days: int) -> Callable[[ir.Table], Any]:
        return lambda t: t.count(where=known(t) & (t.last_age_days <= days))

    meaning = f"Different {stem} bought in the last {{}} days, unknown ones left out."
    return [
        Feature(f"{stem}_{days}d", stem, meaning.format(days), f"近 {days} 天{chinese_name}", within(days), 0.0)
        for days in plan.spans(plan.recent)
    ]


def _shares(column: str, chinese_column: str, values: list[str], plan: Plan) -> list[Feature]:
    days, (spend, spend_zh) = plan.lookback, _weighed(plan)

    def share(value: str) -> Callable[[ir.Table], ir.Value]:
        return lambda t: ratio(total(t.weight, t.value == value), total(t.weight))

    return [
        Feature(
            f"{column}_share_{slug}",
            "share",
            f"Share of {spend} in the last {days} days on {column} {value}. " + UNKNOWN.format(column),
            f"“{value}”{chinese_column}的{spend_zh}占比",
            share(value),
        )
        for slug, value in zip(slugs(values), values, strict=True)
    ]


BLOCKS = [
    Block("product_mix", ("orders",), product_rows, product_features),
    Block("category_mix", ("products.category",), lambda history: history.weight_at("category"), category_features),
    Block("brand_mix", ("products.brand",), lambda history: history.weight_at("brand"), brand_features),
]
