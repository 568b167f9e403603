from __future__ import annotations

import math
import time

import numpy as np
import pytest
import sklearn.metrics as sk

from purchasing_power.errors import DataError
from purchasing_power.evaluation.bootstrap import (
    Resampling,
    compare_measures,
    interval,
    paired_bootstrap,
    weighted_metric,
)
from purchasing_power.evaluation.metrics import calibration_error, ranking_metrics


def simulated(rows: int, seed: int, noise: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels of a fifth of the rows, and two scores of equal worth."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=rows)
    y = (signal + rng.normal(size=rows) > 1.2).astype(int)
    return y, signal + noise * rng.normal(size=rows), signal + noise * rng.normal(size=rows)


@pytest.mark.parametrize("decimals", [6, 0])
def test_weighted_auc_and_average_precision_equal_scikit_learn(decimals: int) -> None:
    rng = np.random.default_rng(1)
    y, score, _ = simulated(400, 1)
    score = score.round(decimals)  # with 0 decimals nearly all scores are tied
    weights = rng.integers(0, 4, (20, 400)).astype(float)
    auc = weighted_metric("auc", y, score)(weights)
    average_precision = weighted_metric("average_precision", y, score)(weights)
    for row, w in enumerate(weights):
        assert auc[row] == pytest.approx(sk.roc_auc_score(y, score, sample_weight=w))
        assert average_precision[row] == pytest.approx(sk.average_precision_score(y, score, sample_weight=w))


def test_weighted_amount_and_probability_metrics_equal_scikit_learn() -> None:
    rng = np.random.default_rng(2)
    amount = rng.gamma(2, 50, 300) + 1e6
    guess = amount + rng.normal(0, 40, 300)
    classes, proba = rng.integers(0, 3, 300), rng.dirichlet([1, 1, 1], 300)
    weights = rng.integers(0, 4, (5, 300)).astype(float)
    for row, w in enumerate(weights):
        assert weighted_metric("r2", amount, guess)(weights)[row] == pytest.approx(
            sk.r2_score(amount, guess, sample_weight=w)
        )
        assert weighted_metric("neg_mae", amount, guess)(weights)[row] == pytest.approx(
            -sk.mean_absolute_error(amount, guess, sample_weight=w)
        )
        assert weighted_metric("auc_macro", classes, proba)(weights)[row] == pytest.approx(
            np.mean([sk.roc_auc_score(classes == c, proba[:, c], sample_weight=w) for c in range(3)])
        )
        assert weighted_metric("neg_log_loss", classes, proba)(weights)[row] == pytest.approx(
            -sk.log_loss(classes, proba, sample_weight=w)
        )


def test_calibration_error_and_lift_equal_those_of_an_evaluation_and_a_weight_counts_as_repeated_rows() -> None:
    y, score, _ = simulated(400, 10)
    probability = 1 / (1 + np.exp(-score))
    once = np.ones((1, 400))
    error = weighted_metric("calibration_error", y, probability)(once)[0]
    assert error == pytest.approx(calibration_error(y, probability))
    for ranking in (score, score.round(0)):  # nearly all of the second are tied
        lift = weighted_metric("lift_10", y, ranking)
        assert lift(once)[0] == pytest.approx(ranking_metrics(y, ranking)["lift_10"])
        times = np.random.default_rng(0).integers(0, 4, 400)
        repeated = ranking_metrics(np.repeat(y, times), np.repeat(ranking, times))["lift_10"]
        assert lift(times[None].astype(float))[0] == pytest.approx(repeated)
    assert np.isnan(weighted_metric("lift_10", np.zeros(400), score)(once)[0])


def test_measures_are_compared_on_the_draws_of_the_interval_and_of_the_paired_difference() -> None:
    y, first, second = simulated(300, 11)
    users, options = np.repeat(np.arange(100), 3), Resampling(200, seed=4)
    measures = (weighted_metric("lift_10", y, score) for score in (first, second))
    figure, difference = compare_measures("lift_10", *measures, users, options)
    assert figure == interval(y, first, users, "lift_10", options)
    assert difference == paired_bootstrap(y, first, second, users, "lift_10", options)


def test_the_difference_of_a_model_with_itself_is_exactly_zero() -> None:
    y, score, _ = simulated(300, 3)
    got = paired_bootstrap(y, score, score.copy(), np.arange(300))
    assert (got.difference, got.low, got.high) == (0, 0, 0)


def test_the_interval_of_the_difference_follows_the_better_model() -> None:
    y, score, _ = simulated(1500, 4)
    worse = score + 2 * np.random.default_rng(0).normal(size=1500)
    got = paired_bootstrap(y, score, worse, np.arange(1500), "auc")
    back = paired_bootstrap(y, worse, score, np.arange(1500), "auc")
    assert 0 < got.low < got.difference < got.high
    assert (back.low, back.high) == pytest.approx((-got.high, -got.low))
    assert got.difference == pytest.approx(sk.roc_auc_score(y, score) - sk.roc_auc_score(y, worse))


def test_nineteen_of_twenty_intervals_hold_the_true_value() -> None:
    truth = float(weighted_metric("auc", *simulated(400_000, 99)[:2])(np.ones((1, 400_000)))[0])
    held = 0
    for seed in range(200):
        y, score, _ = simulated(400, seed)
        got = interval(y, score, np.arange(400), "auc", Resampling(300, seed))
        held += got.low <= truth <= got.high
    assert 178 <= held <= 199  # 95 % of 200 with four standard errors


def test_rows_of_one_user_are_drawn_together() -> None:
    y, score, _ = simulated(300, 5)
    alone = interval(y, score, np.arange(300), "auc")
    four_times = np.repeat(np.arange(300), 4)
    together = interval(y[four_times], score[four_times], four_times, "auc")
    fooled = interval(y[four_times], score[four_times], np.arange(1200), "auc")
    assert together.high - together.low == pytest.approx(alone.high - alone.low, rel=1e-9)
    assert fooled.high - fooled.low < 0.7 * (alone.high - alone.low)


def test_the_same_seed_gives_the_same_interval_and_the_order_of_rows_changes_no_value() -> None:
    y, first, second = simulated(200, 6)
    users = np.array([f"u{i}" for i in range(200)])
    once = paired_bootstrap(y, first, second, users, resampling=Resampling(seed=1))
    assert once == paired_bootstrap(y, first, second, users, resampling=Resampling(seed=1))
    assert once.low != paired_bootstrap(y, first, second, users, resampling=Resampling(seed=2)).low
    back = slice(None, None, -1)
    assert paired_bootstrap(y[back], first[back], second[back], users[back]).difference == pytest.approx(
        paired_bootstrap(y, first, second, users).difference
    )


def test_a_larger_table_is_measured_in_pieces_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    y, first, second = simulated(200, 7)
    whole = paired_bootstrap(y, first, second, np.arange(200), resampling=Resampling(64))
    monkeypatch.setattr("purchasing_power.evaluation.bootstrap.CELLS_AT_ONCE", 200 * 10)
    assert paired_bootstrap(y, first, second, np.arange(200), resampling=Resampling(64)) == whole


def test_replicates_without_a_positive_row_are_left_out_and_counted() -> None:
    y = np.zeros(20)
    y[0] = 1
    got = interval(y, np.arange(20.0), np.arange(20), resampling=Resampling(500))
    assert 250 < got.replicates < 400  # a user is missing from a draw with probability 1/e
    none = interval(np.zeros(20), np.arange(20.0), np.arange(20), "auc")
    assert none.replicates == 0 and math.isnan(none.value) and math.isnan(none.low)


def test_a_thousand_replicates_of_the_sample_shop_take_under_three_seconds() -> None:
    y, first, second = simulated(2469, 8)
    started = time.perf_counter()
    paired_bootstrap(y, first, second, np.arange(2469))
    assert time.perf_counter() - started < 3


@pytest.mark.parametrize(
    ("y", "score", "users", "metric", "message"),
    [
        ([0, 1], [0.1, 0.2], [1, 2], "f1", "allowed are average_precision"),
        ([0, 2], [0.1, 0.2], [1, 2], "auc", "allowed are 0 and 1"),
        ([0, 1], [0.1], [1, 2], "auc", "same rows"),
        ([0, 1], [0.1, np.nan], [1, 2], "auc", "missing or infinite"),
        ([0, 1], [0.1, 0.2], [1], "auc", "every row needs a user"),
        ([0, 1], [0.1, 0.2], ["a", None], "auc", "1 of them missing"),
        ([0, 3], [[0.5, 0.5], [0.5, 0.5]], [1, 2], "neg_log_loss", "class codes 0 to 3"),
    ],
)
def test_input_that_cannot_be_compared_is_refused(
    y: list[int], score: list[float], users: list[object], metric: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        interval(np.array(y), np.array(score), np.array(users, dtype=object), metric)  # type: ignore[arg-type]
