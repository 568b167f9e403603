"""Tests of the comparison of trials: the figure is the mean over folds, and the interval of a gap is paired."""

from __future__ import annotations

import numpy as np
import pytest
from tables import flat, panel

from purchasing_power.evaluation.cross_validation import CrossValidation
from purchasing_power.model.flat_params import model_params
from purchasing_power.model.splits import folds, split
from purchasing_power.tuning.trial_comparison import compare_trials

GOOD = model_params(representation="none", head="logistic")
NEARLY = model_params(representation="none", head="logistic", C=0.11)
BAD = model_params(representation="none", head="lightgbm", trees=1, leaf_rows=30)


@pytest.mark.parametrize(("table", "target"), [(panel(), "tier"), (panel(), "spend"), (flat(classes=3), "label")])
def test_the_figure_is_the_mean_over_folds_and_lies_in_its_interval(table, target: str) -> None:
    checked = CrossValidation(table, folds(table, split(table).known, 2), target)
    found = compare_trials(checked, [GOOD, BAD], replicates=200)
    for one, params in zip(found, (GOOD, BAD), strict=True):
        assert one.score == pytest.approx(np.mean(checked.scores(params)))
        assert one.low < one.score < one.high
    assert found[0].behind == 0 and found[1].behind < 0
    assert found[1].behind_low <= found[1].behind <= found[1].behind_high


def test_the_gap_of_two_like_models_is_known_better_than_either() -> None:
    table = panel()
    checked = CrossValidation(table, folds(table, split(table).known, 2), "tier")
    first, second = compare_trials(checked, [GOOD, NEARLY], replicates=200)
    gap = max(first.behind_high - first.behind_low, second.behind_high - second.behind_low)
    assert gap < 0.2 * (first.high - first.low)
