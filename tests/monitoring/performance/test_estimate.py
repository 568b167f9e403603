"""Tests of the estimate without labels: right where probabilities are, and honest about its error."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score
from tables import flat, panel
from watched import trained

from monitoring.performance.estimate import estimated_performance, expected, expected_interval
from monitoring.policy.window_history import MonitoredWindow, estimate_error
from purchasing_power.evaluation.holdout import held_out
from purchasing_power.kinds.purchase import KIND
from purchasing_power.reference.held_out import measure_held_out

REALISED = {"auc": roc_auc_score, "average_precision": average_precision_score}


@pytest.mark.parametrize("metric", REALISED)
@pytest.mark.parametrize("spread", [0.5, 2.0])
def test_of_calibrated_probabilities_the_estimate_is_what_is_realised_on_average(metric: str, spread: float) -> None:
    rng = np.random.default_rng(0)
    p = 1 / (1 + np.exp(1 - spread * rng.normal(size=4000)))
    realised = [REALISED[metric](rng.random(len(p)) < p, p) for _ in range(30)]
    assert expected(metric, p) == pytest.approx(np.mean(realised), abs=0.006)
    interval = expected_interval(metric, p, 0)
    assert interval.low < min(realised) + 0.01 and max(realised) - 0.01 < interval.high
    assert interval.high - interval.low < 0.12


def test_users_who_are_harder_to_tell_apart_lower_the_estimate_without_a_label() -> None:
    table = panel(users=400)
    model = trained(table)
    held = measure_held_out(KIND, model, table)
    rows = table.frame[table.frame["cutoff"] == table.frame["cutoff"].max()]
    assert rows["spend_next_28d"].isna().all()
    same = estimated_performance(KIND, model, held, model.outputs(rows), 0)
    assert [one.current.metric for one in same] == ["average_precision", "auc"] and not same[0].dropped
    held_rows = held_out(KIND, table, [model]).frame
    outcomes, score = model.target.labels(held_rows) == 2, model.predict(held_rows)["score"].to_numpy()
    assert same[0].reference.value == pytest.approx(average_precision_score(outcomes, score))
    assert same[0].uncorrected_reference == pytest.approx(expected("average_precision", score))
    change = expected("average_precision", model.predict(rows)["score"].to_numpy()) - same[0].uncorrected_reference
    assert same[0].current.value == pytest.approx(same[0].reference.value + change)
    alike = rows.assign(spend_28d=rows["spend_28d"].median(), orders_28d=rows["orders_28d"].median())
    assert estimated_performance(KIND, model, held, model.outputs(alike), 0)[0].dropped


@pytest.mark.parametrize("classes", [3, 0])
def test_no_estimate_is_made_where_the_score_is_no_probability_of_one_class(classes: int) -> None:
    table = flat(classes=classes)
    model = trained(table)
    held = measure_held_out(KIND, model, table)
    assert estimated_performance(KIND, model, held, model.outputs(table.frame), 0) == ()


def window(moment: str, estimate: float | None, evaluated: str = "", realised: float = 0.0) -> MonitoredWindow:
    figures = {} if estimate is None else {"estimated.auc": estimate}
    figures |= {"realised.auc": realised} if evaluated else {}
    return MonitoredWindow(moment, "Healthy", False, False, False, evaluated, False, figures=figures)


def test_the_error_of_past_estimates_stands_beside_that_of_expecting_no_change() -> None:
    windows = [
        window("2024-01-01", 0.80),
        window("2024-02-01", 0.78, "2024-01-01", 0.82),
        window("2024-03-01", 0.70, "2024-02-01", 0.77),
        window("2024-04-01", 0.60, "2024-03-01", 0.73),
    ]
    found = estimate_error(windows, "auc")
    assert found is not None and found.windows == 2
    assert found.estimate == pytest.approx((0.01 + 0.03) / 2)
    assert found.same_as_last == pytest.approx((0.05 + 0.04) / 2)
    more = estimate_error(windows, "auc", {"2024-04-01": 0.65})
    assert more is not None and more.windows == 3
    assert estimate_error(windows[:2], "auc") is None
