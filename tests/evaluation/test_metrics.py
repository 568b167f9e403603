from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import sklearn.metrics as sk
from scipy.stats import binomtest, spearmanr

from purchasing_power.errors import DataError
from purchasing_power.evaluation.metrics import (
    calibration_bins,
    calibration_error,
    classification_metrics,
    gain_curve,
    ranking_metrics,
    regression_metrics,
    wilson_interval,
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def two_columns(p: np.ndarray) -> np.ndarray:
    return np.column_stack([1 - p, p])


def test_binary_figures_equal_scikit_learn(rng: np.random.Generator) -> None:
    p = rng.random(500).round(2)
    y = (rng.random(500) < p).astype(int)
    got = classification_metrics(y, two_columns(p), 1)
    hard = (p >= 0.5).astype(int)
    assert got["auc"] == pytest.approx(sk.roc_auc_score(y, p))
    assert got["average_precision"] == pytest.approx(sk.average_precision_score(y, p))
    assert got["accuracy"] == pytest.approx(sk.accuracy_score(y, hard))
    assert got["precision"] == pytest.approx(sk.precision_score(y, hard))
    assert got["recall"] == pytest.approx(sk.recall_score(y, hard))
    assert got["f1"] == pytest.approx(sk.f1_score(y, hard))
    assert got["log_loss"] == pytest.approx(sk.log_loss(y, p))
    assert got["brier"] == pytest.approx(sk.brier_score_loss(y, p))


def test_the_positive_class_of_two_may_be_the_first(rng: np.random.Generator) -> None:
    p = rng.random(300)
    y = (rng.random(300) < p).astype(int)
    first = classification_metrics(y, two_columns(p), 0)
    swapped = classification_metrics(1 - y, two_columns(1 - p), 1)
    assert first == pytest.approx(swapped)


def test_figures_of_three_classes_equal_scikit_learn(rng: np.random.Generator) -> None:
    proba = rng.dirichlet([1, 1, 1], 600)
    y = np.array([rng.choice(3, p=row) for row in proba])
    got = classification_metrics(y, proba, 2)
    hard = proba.argmax(axis=1)
    assert got["auc"] == pytest.approx(sk.roc_auc_score(y == 2, proba[:, 2]))
    assert got["average_precision"] == pytest.approx(sk.average_precision_score(y == 2, proba[:, 2]))
    assert got["brier"] == pytest.approx(sk.brier_score_loss(y == 2, proba[:, 2]))
    assert got["log_loss"] == pytest.approx(sk.log_loss(y, proba))
    assert got["auc_macro"] == pytest.approx(sk.roc_auc_score(y, proba, multi_class="ovr"))
    assert got["accuracy"] == pytest.approx(sk.accuracy_score(y, hard))
    macro = sk.precision_recall_fscore_support(y, hard, average="macro")[:3]
    for name, expected in zip(("precision", "recall", "f1"), macro, strict=True):
        assert got[name] == got[f"{name}_macro"] == pytest.approx(expected)


def test_without_a_positive_class_only_figures_over_all_classes_are_given(rng: np.random.Generator) -> None:
    proba = rng.dirichlet([1, 1, 1], 300)
    y = rng.integers(0, 3, 300)
    got = classification_metrics(y, proba, None)
    assert not {"auc", "average_precision", "lift_10", "gain_10"} & set(got)
    assert got["brier"] == pytest.approx(((np.eye(3)[y] - proba) ** 2).sum(axis=1).mean())
    assert {"auc_macro", "average_precision_macro", "log_loss", "calibration_error"} <= set(got)


def test_regression_figures_equal_scikit_learn(rng: np.random.Generator) -> None:
    y = rng.gamma(2, 50, 400)
    prediction = y * rng.uniform(0.5, 1.5, 400)
    got = regression_metrics(y, prediction)
    assert got["r2"] == pytest.approx(sk.r2_score(y, prediction))
    assert got["mae"] == pytest.approx(sk.mean_absolute_error(y, prediction))
    assert got["rmse"] == pytest.approx(sk.root_mean_squared_error(y, prediction))
    assert got["spearman"] == pytest.approx(spearmanr(y, prediction).statistic)


def test_lift_and_gain_of_ten_rows_equal_the_hand_computation() -> None:
    #        rank:  1  2  3  4  5  6  7  8  9  10; 4 positives
    y = np.array([1, 1, 0, 1, 0, 0, 1, 0, 0, 0])
    score = np.arange(10, 0, -1.0)
    got = ranking_metrics(y, score)
    assert got["gain_20"] == pytest.approx(2 / 4)  # two users hold two of four
    assert got["lift_20"] == pytest.approx(2.5)
    assert got["gain_10"] == pytest.approx(1 / 4)
    assert got["gain_5"] == pytest.approx(0.5 / 4)  # half a user, half a positive


def test_tied_scores_count_at_the_expected_value_of_a_random_order(rng: np.random.Generator) -> None:
    y = (rng.random(200) < 0.3).astype(int)
    score = rng.integers(0, 4, 200).astype(float)
    curves = (gain_curve(y, score + rng.random(200) * 1e-6) for _ in range(2000))
    expected = np.mean([np.interp(0.1, users, held) for users, held in curves])
    assert ranking_metrics(y, score)["gain_10"] == pytest.approx(expected, abs=0.005)


def test_a_constant_score_ranks_nobody() -> None:
    y = np.array([1, 0, 0, 0, 1, 0, 0, 0, 0, 0])
    got = ranking_metrics(y, np.zeros(10))
    assert got["auc"] == 0.5
    assert got["average_precision"] == pytest.approx(0.2)
    assert [got[f"lift_{s}"] for s in (5, 10, 20)] == pytest.approx([1, 1, 1])


def test_gain_of_spend_is_the_share_of_spend_held_by_the_top() -> None:
    spend = np.array([50.0, 30.0, 10.0, 5.0, 5.0, 0, 0, 0, 0, 0])
    got = regression_metrics(spend, np.arange(10, 0, -1.0))
    assert got["gain_10"] == pytest.approx(0.5)
    assert got["gain_20"] == pytest.approx(0.8)
    assert got["lift_20"] == pytest.approx(4.0)


def test_the_order_of_rows_changes_no_figure(rng: np.random.Generator) -> None:
    p = rng.random(300).round(1)
    y = (rng.random(300) < p).astype(int)
    shuffled = rng.permutation(300)
    assert classification_metrics(y, two_columns(p), 1) == pytest.approx(
        classification_metrics(y[shuffled], two_columns(p[shuffled]), 1)
    )


def test_a_perfectly_calibrated_score_has_a_small_calibration_error(rng: np.random.Generator) -> None:
    p = rng.beta(1, 4, 50_000)
    y = (rng.random(50_000) < p).astype(int)
    assert calibration_error(y, p) < 0.01
    assert calibration_error(y, np.sqrt(p)) > 0.1


def test_calibration_error_of_four_rows_equals_the_hand_computation() -> None:
    p = np.array([0.2, 0.2, 0.8, 0.8])
    y = np.array([0, 1, 1, 1])
    assert calibration_error(y, p, bins=2) == pytest.approx(0.5 * abs(0.5 - 0.2) + 0.5 * abs(1 - 0.8))


def test_calibration_bins_hold_every_row_once(rng: np.random.Generator) -> None:
    p = rng.random(1003)
    predicted, observed, rows = calibration_bins(np.ones(1003), p)
    assert rows.sum() == 1003 and rows.max() - rows.min() <= 2
    assert (np.diff(predicted) > 0).all() and (observed == 1).all()


@pytest.mark.parametrize("only", [0, 1])
def test_a_class_that_never_occurs_makes_its_figures_nan_and_warns_nobody(only: int) -> None:
    p = np.linspace(0.1, 0.9, 30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = classification_metrics(np.full(30, only), two_columns(p), 1)
    assert math.isnan(got["auc"])
    assert all(math.isnan(got[name]) == (only == 0) for name in ("average_precision", "recall", "gain_10"))
    assert got["brier"] == pytest.approx(np.mean((p - only) ** 2))
    assert math.isfinite(got["log_loss"]) and math.isfinite(got["accuracy"])


def test_precision_is_nan_where_nobody_is_predicted_positive() -> None:
    got = classification_metrics(np.array([0, 1, 0, 1]), two_columns(np.full(4, 0.2)), 1)
    assert math.isnan(got["precision"])
    assert got["recall"] == 0 and got["f1"] == 0


def test_a_class_missing_of_three_makes_the_macro_figures_nan(rng: np.random.Generator) -> None:
    proba = rng.dirichlet([1, 1, 1], 60)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = classification_metrics(rng.integers(0, 2, 60), proba, 2)
    assert all(math.isnan(got[name]) for name in ("auc", "auc_macro", "recall_macro", "average_precision"))
    assert math.isfinite(got["log_loss"]) and math.isfinite(got["accuracy"])


def test_no_rows_make_every_figure_nan() -> None:
    for got in (
        classification_metrics(np.array([], int), np.empty((0, 2)), 1),
        classification_metrics(np.array([], int), np.empty((0, 3)), 2),
        classification_metrics(np.array([], int), np.empty((0, 3)), None),
        regression_metrics(np.array([]), np.array([])),
        ranking_metrics(np.array([]), np.array([])),
    ):
        assert all(math.isnan(value) for value in got.values())


def test_a_constant_amount_has_no_r2_and_no_rank_correlation() -> None:
    got = regression_metrics(np.full(5, 3.0), np.arange(5.0))
    assert math.isnan(got["r2"]) and math.isnan(got["spearman"])
    assert got["mae"] == pytest.approx(np.mean(np.abs(3 - np.arange(5))))


def test_a_share_of_spend_means_nothing_with_negative_amounts() -> None:
    assert math.isnan(regression_metrics(np.array([-1.0, 2.0, 3.0]), np.arange(3.0))["gain_20"])


def test_the_gain_curve_rises_from_nothing_to_all(rng: np.random.Generator) -> None:
    users, held = gain_curve(rng.random(50), rng.integers(0, 5, 50).astype(float))
    assert (users[0], held[0], users[-1]) == (0, 0, 1) and held[-1] == pytest.approx(1)
    assert (np.diff(users) > 0).all() and (np.diff(held) >= 0).all()


@pytest.mark.parametrize(
    ("y", "proba", "message"),
    [
        (np.array([0, 1]), np.full((3, 2), 0.5), "shape"),
        (np.array([0, 2]), np.full((2, 2), 0.5), "class codes 0 to 2"),
        (np.array([0, 1]), np.array([[0.5, 0.5], [np.nan, 0.5]]), "1 missing or infinite"),
    ],
)
def test_predictions_that_do_not_fit_the_rows_are_refused(y: np.ndarray, proba: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        classification_metrics(y, proba, 1)


@pytest.mark.parametrize(("have", "rows"), [(0, 30), (7, 30), (30, 30), (211, 300)])
def test_the_wilson_interval_is_scipys_and_lies_between_0_and_1(have: int, rows: int) -> None:
    low, high = wilson_interval(np.array([have / rows]), np.array([rows]))
    expected = binomtest(have, rows).proportion_ci(method="wilson")
    assert (low[0], high[0]) == pytest.approx((expected.low, expected.high), abs=1e-4)
    assert 0 <= low[0] <= have / rows <= high[0] <= 1
