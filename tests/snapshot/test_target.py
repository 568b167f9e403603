"""Tests of targets: everything learned comes from the training rows."""

from __future__ import annotations

import numpy as np
import pytest
from tables import changed, flat, panel

from purchasing_power.errors import DataError
from purchasing_power.model.splits import split
from purchasing_power.snapshot.target import Target, fit_target


def test_tier_thresholds_are_quantiles_of_the_training_rows_alone() -> None:
    table = panel()
    train = split(table).train
    target = fit_target("tier", table, train)
    spend = table.frame["spend_next_28d"]
    assert target.thresholds == pytest.approx(np.quantile(spend.iloc[train], (0.5, 0.8)))
    doubled = spend.copy()
    doubled.iloc[split(table).test] *= 2
    assert fit_target("tier", changed(table, spend_next_28d=doubled), train) == target


def test_high_is_the_top_fifth_and_intent_is_any_order() -> None:
    table = panel(users=500)
    train = split(table).train
    rows = table.frame.iloc[train]
    assert (fit_target("tier", table, train).labels(rows) == 2).mean() == pytest.approx(0.2, abs=0.005)
    assert np.array_equal(fit_target("intent", table, train).labels(rows), (rows["orders_next_28d"] > 0).astype(int))


def test_a_target_survives_json() -> None:
    table = panel()
    target = fit_target("tier", table, split(table).train)
    assert Target.from_dict(target.to_dict()) == target


def test_numeric_class_names_are_ordered_as_numbers() -> None:
    table = changed(flat(100, classes=3), label=[str(n % 3 * 5) for n in range(100)])
    target = fit_target("auto", table, np.arange(100))
    assert target.classes == ("0", "5", "10")
    assert target.positive is None
    assert fit_target("auto", table, np.arange(100), positive="5").positive == 1


def test_a_single_class_is_refused() -> None:
    table = panel()
    bought = changed(table, orders_next_28d=table.frame["orders_next_28d"] * 0 + 1)
    with pytest.raises(DataError, match=r"a single class \(yes\)"):
        fit_target("intent", bought, split(table).train)


def test_an_unripe_row_has_no_label() -> None:
    table = panel()
    target = fit_target("tier", table, split(table).train)
    with pytest.raises(DataError, match="horizon is not over"):
        target.labels(table.frame)


@pytest.mark.parametrize(("table", "name"), [(panel(20), "label"), (flat(60), "tier"), (flat(60), "wealth")])
def test_a_target_that_does_not_fit_the_table_is_refused(table, name) -> None:
    with pytest.raises(DataError, match="allowed are"):
        fit_target(name, table, np.arange(20))
