"""Tests of realised performance: only outcomes that are new, beside the naive baseline and the reference."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score
from tables import changed, flat, panel
from watched import next_month, trained

from monitoring.performance.realised import realised_performance
from monitoring.performance.results import RealisedFigure, ReferencePerformance, recorded_performance
from purchasing_power.evaluation.bootstrap import Comparison, Interval, Resampling
from purchasing_power.evaluation.holdout import evaluated, held_out
from purchasing_power.evaluation.metrics import calibration_error, ranking_metrics
from purchasing_power.kinds.purchase import KIND
from purchasing_power.reference.held_out import matured_rows, measure_held_out
from purchasing_power.snapshot.user_table import CUTOFF, UserTable
from tracking.ledger_record import Record, plain

PANEL = panel(users=400)
MODEL = trained(PANEL)
HELD = measure_held_out(KIND, MODEL, PANEL)


def test_on_the_table_that_the_version_was_made_from_nothing_is_known_yet() -> None:
    found = realised_performance(KIND, MODEL, HELD, PANEL, None, 0)
    assert not found.known
    assert "complete on 2024-06-23" in found.why  # the last cutoff, 2024-05-26, and 28 days


def test_a_cutoff_of_matured_labels_is_evaluated_beside_the_naive_baseline_and_the_reference() -> None:
    later = next_month(PANEL)
    found = realised_performance(KIND, MODEL, HELD, later, None, 0)
    rows = later.frame[later.frame[CUTOFF] == PANEL.frame[CUTOFF].max()]
    y, score = MODEL.target.labels(rows) == 2, MODEL.predict(rows)["score"]
    first, second, calibration, lift = found.figures
    assert first.figure.value == pytest.approx(average_precision_score(y, score))
    assert first.naive.champion == pytest.approx(average_precision_score(y, rows["spend_28d"]))
    assert second.figure.value == pytest.approx(roc_auc_score(y, score))
    assert first.figure.low < first.figure.value < first.figure.high
    held = held_out(KIND, PANEL, [MODEL]).frame
    expected = average_precision_score(MODEL.target.labels(held) == 2, MODEL.predict(held)["score"])
    assert first.reference is not None and first.reference.figure.value == pytest.approx(expected)
    assert first.reference.naive is not None and first.reference.naive.challenger == pytest.approx(expected)
    assert found.users == 400 and "at cutoff 2024-05-26" in found.why and found.moment == "2024-05-26"
    figures = ranking_metrics(y.astype(int), score.to_numpy())
    assert lift.figure.value == pytest.approx(figures["lift_10"])
    assert calibration.figure.value == pytest.approx(calibration_error(y.astype(int), score.to_numpy()))
    assert all(one.figure.low < one.figure.value < one.figure.high for one in (calibration, lift))
    assert calibration.naive.difference < 0.1 and lift.naive.difference == pytest.approx(
        figures["lift_10"] - ranking_metrics(y.astype(int), rows["spend_28d"].to_numpy())["lift_10"]
    )


def test_an_outcome_after_the_monitored_cutoff_does_not_count() -> None:
    later = next_month(PANEL)
    test_cutoff = pd.Timestamp(sorted(PANEL.frame[CUTOFF].unique())[-2])
    assert not realised_performance(KIND, MODEL, HELD, later, test_cutoff, 0).known


def test_labels_that_no_longer_follow_the_features_lie_below_the_reference_and_true_ones_do_not() -> None:
    later = next_month(PANEL)
    assert not realised_performance(KIND, MODEL, HELD, later, None, 0).figures[0].below_reference
    shuffled = np.random.default_rng(0).permutation(later.frame["spend_next_28d"].dropna())
    broken = later.frame["spend_next_28d"].copy()
    broken[broken.notna()] = shuffled
    assert (
        realised_performance(KIND, MODEL, HELD, changed(later, spend_next_28d=broken), None, 0)
        .figures[0]
        .below_reference
    )


def test_rows_of_one_class_cannot_be_evaluated_and_say_so() -> None:
    later = next_month(PANEL)
    nothing = later.frame["spend_next_28d"].where(later.frame["spend_next_28d"].isna(), 0.0)
    found = realised_performance(KIND, MODEL, HELD, changed(later, spend_next_28d=nothing), None, 0)
    assert not found.known and "single class" in found.why


@pytest.mark.parametrize(
    ("table", "target"),
    [(PANEL, "tier"), (PANEL, "intent"), (PANEL, "spend"), (flat(), "auto"), (flat(classes=3), "auto")],
)
def test_figures_of_the_stored_predictions_are_those_of_the_training_table(table: UserTable, target: str) -> None:
    model = trained(table, target)
    stored = measure_held_out(KIND, model, table).predictions
    again = KIND.predictions(model, held_out(KIND, table, [model]), KIND.constants(model, table))
    assert stored is not None
    for name in KIND.metrics(model):
        first, second = (evaluated(KIND, model, name, one, Resampling(100)) for one in (stored, again))
        assert first == second


@pytest.mark.parametrize("classes", [2, 3, 0])
def test_of_a_flat_table_only_new_rows_are_evaluated(classes: int) -> None:
    table = flat(classes=classes)
    model = trained(table)
    held = measure_held_out(KIND, model, table)
    assert not realised_performance(KIND, model, held, table, None, 0).known
    new = flat(rows=300, classes=classes, seed=5)
    both = UserTable(pd.concat([table.frame, new.frame], ignore_index=True), table.meta)
    assert len(matured_rows(KIND, model, held, both, None).frame) == 300
    found = realised_performance(KIND, model, held, both, None, 0)
    assert found.known and found.figures[0].reference is not None


def test_a_class_that_the_model_never_saw_is_named_and_stops_nothing() -> None:
    table = flat()
    new = changed(flat(rows=60, seed=5), label="class 9")
    model = trained(table)
    found = realised_performance(KIND, model, measure_held_out(KIND, model, table), new, None, 0)
    assert not found.known and "60 rows have a class that the training rows lack" in found.why


def record(number: int, metric: str, value: float, version: str = "3", action: str = "promote") -> Record:
    figures = {
        "challenger": vars(Interval(metric, value, value - 0.1, value + 0.1, 1000, 0.95)),
        "floor": vars(Comparison(metric, value, 0.3, value - 0.3, 0.1, 0.9, 1000, 0.95)),
    }
    facts = {"to_stage": "staging", "figures": plain(figures)}
    return Record(number, "2024-01-01T00:00:00", "someone", action, "shop", version, **facts)


def test_the_reference_performance_is_what_the_gate_recorded_when_it_last_moved_the_version() -> None:
    known = [
        record(1, "average_precision", 0.5),
        record(2, "average_precision", 0.99),
        record(3, "average_precision", 0.6, "4"),
        record(4, "average_precision", 0.7, action="refuse"),
    ]
    recorded = recorded_performance(known, "3")
    assert recorded["average_precision"].figure.value == 0.99 and recorded_performance(known, "5") == {}
    first, second, *_ = realised_performance(KIND, MODEL, HELD, next_month(PANEL), None, 0, recorded).figures
    assert first.reference is not None and first.reference.figure.value == 0.99 and first.below_reference
    assert second.reference is not None and second.reference.figure.value < 0.99  # not on record: computed again


def test_a_record_with_a_figure_that_was_not_defined_is_no_reference() -> None:
    assert recorded_performance([record(1, "average_precision", float("nan"))], "3") == {}


def test_a_calibration_error_is_worse_when_it_is_higher() -> None:
    naive = Comparison("calibration_error", 0.2, 0.3, -0.1, -0.2, 0.0, 1000, 0.95)

    def found(value: float) -> RealisedFigure:
        around = [
            Interval("calibration_error", middle, middle - 0.01, middle + 0.01, 1000, 0.95) for middle in (value, 0.05)
        ]
        return RealisedFigure(around[0], naive, ReferencePerformance(around[1], None))

    assert found(0.2).below_reference and not found(0.01).below_reference and not found(0.055).below_reference
