"""The snapshot's features in DuckDB SQL as a person would write it: one script, repeated windows filled in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

WINDOWS = (7, 14, 28, 56, 84, 168)
PERIODS = range(1, 7)

PREPARE = """
CREATE TEMP TABLE cutoffs AS SELECT unnest([{cutoffs}])::TIMESTAMP AS cutoff;
CREATE TEMP TABLE people AS
    SELECT user_id, min(since) AS since, row_number() OVER (ORDER BY user_id)::INT AS u FROM (
        SELECT user_id, min(ordered_at) AS since FROM '{folder}/orders.parquet' GROUP BY user_id
        UNION ALL SELECT user_id, min(redeemed_at) FROM '{folder}/redemptions.parquet' GROUP BY user_id
    ) GROUP BY user_id;
CREATE TEMP TABLE products AS
    SELECT product_id, category, brand, row_number() OVER ()::INT AS p
    FROM (SELECT DISTINCT product_id FROM '{folder}/orders.parquet')
    LEFT JOIN '{folder}/products.parquet' USING (product_id);
CREATE TEMP TABLE lines AS
    SELECT u, order_id, ordered_at, p, category, brand, quantity, amount, discount, coupon_discount, store_id
    FROM '{folder}/orders.parquet' JOIN people USING (user_id) JOIN products USING (product_id);
CREATE TEMP TABLE orders AS
    SELECT *, row_number() OVER w AS n, lag(ordered_at) OVER w AS previous FROM (
        SELECT u, order_id, min(ordered_at) AS ordered_at, min(store_id) AS store_id, count(*) AS lines,
            sum(quantity) AS quantity, sum(amount) AS amount, sum(discount) AS discount,
            sum(coupon_discount) AS coupon, count(*) FILTER (discount > 0) AS discounted
        FROM lines GROUP BY u, order_id, ordered_at::DATE
    ) WINDOW w AS (PARTITION BY u ORDER BY ordered_at, order_id);
CREATE TEMP TABLE orders_at AS
    SELECT orders.*, cutoff, epoch(cutoff - ordered_at) / 86400 AS age,
        CASE WHEN previous >= cutoff - INTERVAL 168 DAY THEN epoch(ordered_at - previous) / 86400 END AS gap
    FROM orders JOIN cutoffs ON ordered_at < cutoff AND ordered_at >= cutoff - INTERVAL 168 DAY;
"""

WINDOW = """
    count(*) FILTER (age <= {d}) AS orders_{d}d, sum(amount) FILTER (age <= {d}) AS spend_{d}d,
    sum(lines) FILTER (age <= {d}) AS lines_{d}d, sum(quantity) FILTER (age <= {d}) AS quantity_{d}d,"""
PERIOD = "\n    coalesce(sum(amount) FILTER (age > {a} AND age <= {b}), 0) AS s{n},"

ORDERS = """
CREATE TEMP TABLE by_order AS SELECT u, cutoff, {windows} {periods}
    min(age) AS days_since_order, max(age) AS days_since_first_order,
    avg(gap) AS gap_days_mean, stddev_samp(gap) AS gap_days_std, max(gap) AS gap_days_max,
    arg_max(gap, n) AS gap_days_last, min(age) / CASE WHEN avg(gap) < 1 THEN 1 ELSE avg(gap) END AS overdue_ratio,
    sum(amount * exp(-ln(2) / 14 * age)) AS spend_decayed_14d, sum(exp(-ln(2) / 14 * age)) AS orders_decayed_14d,
    sum(amount * exp(-ln(2) / 56 * age)) AS spend_decayed_56d, sum(exp(-ln(2) / 56 * age)) AS orders_decayed_56d,
    ln((count(*) FILTER (age <= 28) + 1) / (count(*) FILTER (age > 28 AND age <= 56) + 1)) AS orders_growth_28d,
    ln((count(*) FILTER (age <= 84) + 1) / (count(*) FILTER (age > 84) + 1)) AS orders_growth_84d,
    avg(amount) AS order_amount_mean, stddev_samp(amount) AS order_amount_std, max(amount) AS order_amount_max,
    arg_max(amount, n) AS order_amount_last, avg(amount) FILTER (age <= 28) AS order_amount_mean_28d,
    avg(lines) AS lines_per_order, max(lines) AS lines_max, sum(amount) / sum(lines) AS amount_per_line,
    avg((lines <= 3)::INT) AS small_order_share,
    sum(discount) FILTER (age <= 28) / nullif(sum(amount + discount) FILTER (age <= 28), 0) AS discount_share_28d,
    sum(discount) / nullif(sum(amount + discount), 0) AS discount_share_168d,
    sum(discounted) FILTER (age <= 28) / sum(lines) FILTER (age <= 28) AS discounted_line_share_28d,
    sum(discounted) / sum(lines) AS discounted_line_share_168d,
    sum(coupon) AS coupon_discount_168d, avg((coupon > 0)::INT) AS coupon_order_share_168d,
    min(age) FILTER (coupon > 0) AS days_since_coupon,
    avg((isodow(ordered_at) >= 6)::INT) AS weekend_share_168d, count(DISTINCT isodow(ordered_at)) AS weekdays_168d,
    avg((hour(ordered_at) < 6)::INT) AS night_share_168d,
    avg((hour(ordered_at) BETWEEN 6 AND 11)::INT) AS morning_share_168d,
    avg((hour(ordered_at) BETWEEN 12 AND 17)::INT) AS afternoon_share_168d,
    avg((hour(ordered_at) >= 18)::INT) AS evening_share_168d
FROM orders_at GROUP BY u, cutoff;
CREATE TEMP TABLE by_store AS
    SELECT u, cutoff, count(*) AS stores_168d, max(n) / sum(n) AS main_store_share_168d FROM (
        SELECT u, cutoff, store_id, count(*) AS n FROM orders_at GROUP BY u, cutoff, store_id
    ) GROUP BY u, cutoff;
"""

MIX = """
CREATE TEMP TABLE by_product AS
    SELECT u, cutoff, count(*) FILTER (youngest <= 28) AS products_28d, count(*) AS products_168d,
        coalesce(sum(amount) FILTER (n > 1), 0) / nullif(sum(amount), 0) AS repeat_product_share_168d,
        count(*) FILTER (oldest <= 28) / nullif(count(*) FILTER (youngest <= 28), 0) AS new_product_share_28d,
        max(amount) / nullif(sum(amount), 0) AS top_product_share_168d
    FROM (
        SELECT u, cutoff, p, count(*) AS n, sum(amount) AS amount, epoch(cutoff - max(ordered_at)) / 86400 AS youngest,
            epoch(cutoff - min(ordered_at)) / 86400 AS oldest
        FROM lines JOIN cutoffs ON ordered_at < cutoff AND ordered_at >= cutoff - INTERVAL 168 DAY
        GROUP BY u, cutoff, p
    ) GROUP BY u, cutoff;
CREATE TEMP TABLE by_category AS
    SELECT u, cutoff, {category_shares} count(category) FILTER (youngest <= 28) AS categories_28d,
        count(category) AS categories_168d, entropy AS category_entropy_168d,
        max(amount) FILTER (category IS NOT NULL) / nullif(sum(amount), 0) AS top_category_share_168d
    FROM (
        SELECT *, ln(sum(amount) FILTER (category IS NOT NULL AND amount > 0) OVER w)
            - sum(amount * ln(amount)) FILTER (category IS NOT NULL AND amount > 0) OVER w
            / sum(amount) FILTER (category IS NOT NULL AND amount > 0) OVER w AS entropy
        FROM ({category_rows}) WINDOW w AS (PARTITION BY u, cutoff)
    ) GROUP BY u, cutoff, entropy;
CREATE TEMP TABLE by_brand AS
    SELECT u, cutoff, {brand_shares} count(brand) FILTER (youngest <= 28) AS brands_28d, count(brand) AS brands_168d
    FROM ({brand_rows}) GROUP BY u, cutoff;
"""
SPEND_BY = """
        SELECT u, cutoff, {by}, sum(amount) AS amount, epoch(cutoff - max(ordered_at)) / 86400 AS youngest
        FROM (SELECT u, ordered_at, {by}, sum(amount) AS amount FROM lines GROUP BY u, ordered_at, {by})
        JOIN cutoffs ON ordered_at < cutoff AND ordered_at >= cutoff - INTERVAL 168 DAY
        GROUP BY u, cutoff, {by}"""
SHARE = "\n    coalesce(sum(amount) FILTER ({by} = '{value}'), 0) / nullif(sum(amount), 0) AS {name},"

CAMPAIGNS = """
CREATE TEMP TABLE by_{name} AS
    SELECT u, cutoff, count(*) FILTER (age <= 28) AS {name}_28d, count(*) FILTER (age <= 84) AS {name}_84d,
        count(*) AS {name}_168d, min(age) AS days_since_{one}, count(DISTINCT campaign_id) AS {name}_different
    FROM (
        SELECT u, campaign_id, cutoff, epoch(cutoff - {time}) / 86400 AS age
        FROM '{folder}/{name}.parquet' JOIN people USING (user_id)
        JOIN cutoffs ON {time} < cutoff AND {time} >= cutoff - INTERVAL 168 DAY
    ) GROUP BY u, cutoff;
"""

JOIN = """
SELECT user_id, cutoff, * EXCLUDE (
        user_id, cutoff, u, s1, s2, s3, s4, s5, s6, campaigns_different, redemptions_different
    ),
    s2 AS spend_28_56d_ago, s3 AS spend_56_84d_ago, s4 AS spend_84_112d_ago, s5 AS spend_112_140d_ago,
    s6 AS spend_140_168d_ago, ln((s1 + 1) / (s2 + 1)) AS spend_growth_28d,
    ln((s1 + s2 + s3 + 1) / (s4 + s5 + s6 + 1)) AS spend_growth_84d,
    (2.5 * s1 + 1.5 * s2 + 0.5 * s3 - 0.5 * s4 - 1.5 * s5 - 2.5 * s6) / 17.5 AS spend_slope_168d,
    list_aggregate([s1, s2, s3, s4, s5, s6], 'stddev_samp') AS spend_std_168d,
    (s1 > 0)::INT + (s2 > 0)::INT + (s3 > 0)::INT + (s4 > 0)::INT + (s5 > 0)::INT
        + (s6 > 0)::INT AS active_periods_168d,
    least(s1, s2, s3, s4, s5, s6) AS spend_least_168d, redemptions_different AS campaigns_redeemed
FROM (SELECT user_id, u, cutoff FROM people JOIN cutoffs ON since < cutoff)
LEFT JOIN by_order USING (u, cutoff) LEFT JOIN by_store USING (u, cutoff) LEFT JOIN by_product USING (u, cutoff)
LEFT JOIN by_category USING (u, cutoff) LEFT JOIN by_brand USING (u, cutoff)
LEFT JOIN by_campaigns USING (u, cutoff) LEFT JOIN by_redemptions USING (u, cutoff)
LEFT JOIN (
    SELECT u, cutoff, sum(amount) AS spend_next_28d, count(*) AS orders_next_28d
    FROM orders JOIN cutoffs ON ordered_at >= cutoff AND ordered_at < cutoff + INTERVAL 28 DAY GROUP BY u, cutoff
) USING (u, cutoff)
ORDER BY cutoff, user_id
"""


def shares(by: str, values: Sequence[str], names: Sequence[str]) -> str:
    """Spend shares of values as SQL columns."""
    return "".join(SHARE.format(by=by, value=value, name=name) for value, name in zip(values, names, strict=True))


def script(folder: Path, cutoffs: Sequence[date], mix: dict[str, dict[str, str]]) -> str:
    """The whole script; ``mix`` maps category and brand to {column name: value}."""
    windows = "".join(WINDOW.format(d=days) for days in WINDOWS)
    periods = "".join(PERIOD.format(n=n, a=28 * (n - 1), b=28 * n) for n in PERIODS)
    category, brand = (shares(by, list(mix[by].values()), list(mix[by])) for by in ("category", "brand"))
    rows = {by: SPEND_BY.format(by=by) for by in ("category", "brand")}
    return "".join(
        [
            PREPARE.format(folder=folder, cutoffs=", ".join(f"DATE '{day}'" for day in cutoffs)),
            ORDERS.format(windows=windows, periods=periods),
            MIX.format(
                category_shares=category, brand_shares=brand, category_rows=rows["category"], brand_rows=rows["brand"]
            ),
            CAMPAIGNS.format(folder=folder, name="campaigns", one="campaign", time="sent_at"),
            CAMPAIGNS.format(folder=folder, name="redemptions", one="redemption", time="redeemed_at"),
            JOIN,
        ]
    )


def build(folder: Path, cutoffs: Sequence[date], mix: dict[str, dict[str, str]], zeros: Sequence[str]) -> pd.DataFrame:
    """Run the script; the columns of ``zeros`` are 0 where a user has no rows."""
    with duckdb.connect(config={"threads": len(os.sched_getaffinity(0))}) as connection:
        frame = connection.execute(script(folder, cutoffs, mix)).df()
    filled = frame.fillna({name: 0.0 for name in zeros})
    unripe = frame["cutoff"] == np.datetime64(cutoffs[-1])
    outcomes = ["spend_next_28d", "orders_next_28d"]
    filled[outcomes] = filled[outcomes].fillna(0.0).mask(unripe)
    return filled
