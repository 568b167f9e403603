from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score, roc_auc_score

from purchasing_power.evaluation.baselines import naive_name, naive_score, prior_prediction, rfm_columns, rfm_proba
from purchasing_power.snapshot.user_table import UserTableMeta

PANEL = UserTableMeta("panel", ("spend_28d", "orders_168d"), ())
FLAT = UserTableMeta("flat", ("age",), (), label="label", task="binary")


def shop_rows(rows: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Users whose spend follows their rate of buying, and what they spend next."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(1.0, 4.0, rows)
    frame = pd.DataFrame(
        {
            "days_since_order": np.where(rate > 0.5, rng.exponential(30 / (rate + 0.1)), np.nan),
            "orders_28d": rng.poisson(rate / 6),
            "orders_168d": rng.poisson(rate),
            "spend_28d": rng.gamma(2, 10, rows) * rate / 6,
            "spend_168d": rng.gamma(2, 10, rows) * rate,
        }
    )
    return frame, rate * rng.gamma(2, 10, rows)


def test_the_naive_score_is_last_months_spend_and_nothing_on_record_is_zero() -> None:
    frame = pd.DataFrame({"spend_28d": [3.0, np.nan, 1.0]})
    assert naive_score(frame, PANEL).tolist() == [3.0, 0.0, 1.0]


def test_a_shop_without_amounts_gets_last_months_orders_as_its_naive_score() -> None:
    meta = UserTableMeta("panel", ("orders_28d",), ())
    assert naive_score(pd.DataFrame({"orders_28d": [2.0, np.nan]}), meta).tolist() == [2.0, 0.0]
    assert (naive_name(meta), naive_name(PANEL)) == ("last month's orders", "last month's spend")


def test_a_table_without_spend_gets_a_constant_naive_score() -> None:
    assert naive_score(pd.DataFrame({"age": [30.0, 40.0]}), FLAT).tolist() == [0.0, 0.0]


def test_rfm_uses_recency_and_the_longest_windows() -> None:
    names = pd.Index(["spend_7d", "spend_168d", "orders_84d", "orders_28d", "days_since_order", "spend_up_7d"])
    assert rfm_columns(names) == ["days_since_order", "orders_84d", "spend_168d"]


def test_rfm_probabilities_rank_buyers_and_are_one_row_per_user() -> None:
    (train, spend), (test, later) = shop_rows(800, 0), shop_rows(400, 1)
    bar = np.quantile(spend, 0.8)
    proba = rfm_proba(train, (spend > bar).astype(int), test, "binary")
    assert proba.shape == (400, 2) and proba.sum(axis=1) == pytest.approx(1)
    assert roc_auc_score(later > bar, proba[:, 1]) > 0.75


def test_rfm_regression_explains_spend() -> None:
    (train, spend), (test, later) = shop_rows(800, 2), shop_rows(400, 3)
    assert r2_score(later, rfm_proba(train, spend, test, "regression")) > 0.2


def test_test_rows_never_move_the_fit() -> None:
    (train, spend), (test, _) = shop_rows(300, 4), shop_rows(50, 5)
    y = (spend > np.median(spend)).astype(int)
    crazy = pd.concat([test, pd.DataFrame({name: [1e6] for name in test})], ignore_index=True)
    assert np.array_equal(rfm_proba(train, y, test, "binary"), rfm_proba(train, y, crazy, "binary")[:50])


def test_a_user_who_never_ordered_counts_as_longest_ago() -> None:
    train, spend = shop_rows(300, 6)
    y = (spend > np.median(spend)).astype(int)
    never = pd.DataFrame({"days_since_order": [np.nan], "orders_168d": [np.nan], "spend_168d": [np.nan]})
    longest = max(168.0, train["days_since_order"].max())
    long_ago = pd.DataFrame({"days_since_order": [longest], "orders_168d": [0.0], "spend_168d": [0.0]})
    assert np.array_equal(rfm_proba(train, y, never, "binary"), rfm_proba(train, y, long_ago, "binary"))


def test_a_class_unseen_in_training_gets_probability_zero() -> None:
    (train, spend), (test, _) = shop_rows(300, 7), shop_rows(20, 8)
    proba = rfm_proba(train, (spend > 50) * 2, test, "multiclass", classes=3)
    assert proba.shape == (20, 3) and (proba[:, 1] == 0).all()


def test_without_history_or_with_one_class_rfm_is_the_prior() -> None:
    frame = pd.DataFrame({"age": [1.0, 2.0, 3.0, 4.0]})
    assert rfm_proba(frame, np.array([0, 1, 1, 1]), frame[:2], "binary").tolist() == [[0.25, 0.75]] * 2
    (train, _), (test, _) = shop_rows(10, 9), shop_rows(2, 10)
    assert rfm_proba(train, np.zeros(10, int), test, "binary").tolist() == [[1.0, 0.0]] * 2
    assert prior_prediction(np.array([2.0, 4.0]), 3, "regression").tolist() == [3.0] * 3
