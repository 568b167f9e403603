"""Tests of the drift of a window: one family of tests, an effect floor, and the importance of what drifted."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tables import panel
from watched import drift_of, of_sample, trained

from monitoring.drift.results import ColumnDrift, TextDrift
from monitoring.drift.window_drift import EFFECT_FLOOR, window_drift, with_text_importance

QUIET = TextDrift(100, 100, 0.5, 0.45, 0.55, 0.0, 0.5, 0.5, 0.0, ())


def column(name: str, p_value: float, effect: float = 0.2, importance: float = 0.1) -> ColumnDrift:
    return ColumnDrift(name, "numeric", "", p_value, effect, "", 0.0, 0.0, math.nan, math.nan, importance=importance)


SCORE = column("score", 0.9, importance=0.0)


def test_a_p_value_that_chance_gives_one_of_many_columns_is_no_drift_and_a_smaller_one_is() -> None:
    others = tuple(column(f"c{n}", 0.9) for n in range(59))
    assert not window_drift((column("x", 0.01), *others), SCORE, QUIET).drifted
    found = window_drift((column("x", 0.0004), *others), SCORE, QUIET)
    assert found.drifted and found.columns == ("x",) and found.tests == 63


def test_a_change_of_fewer_than_one_user_in_fifty_is_no_drift_however_significant() -> None:
    assert not window_drift((column("x", 0.0, EFFECT_FLOOR - 0.001),), SCORE, None).drifted
    assert window_drift((column("x", 0.0, EFFECT_FLOOR),), SCORE, None).drifted


def test_scores_and_texts_alone_raise_drift() -> None:
    calm = (column("x", 0.9),)
    assert window_drift(calm, column("score", 1e-6), QUIET).score
    by_vectors = window_drift(calm, SCORE, replace(QUIET, auc=0.6, p_value=1e-4))
    assert by_vectors.text and by_vectors.drifted and not by_vectors.columns
    assert window_drift(calm, SCORE, replace(QUIET, words_p_value=1e-6, words_effect=0.1)).text
    assert not window_drift(calm, SCORE, replace(QUIET, words_p_value=1e-6, words_effect=0.01)).text


def test_the_column_of_the_largest_importance_weighted_drift_comes_first_and_importance_adds_up() -> None:
    columns = (column("big", 0.0, 0.9, 0.01), column("used", 0.0, 0.2, 0.5), column("calm", 0.9, 0.1, 0.4))
    found = window_drift(columns, SCORE, None)
    assert found.columns == ("used", "big") and found.importance == pytest.approx(0.51)
    texts = window_drift(columns, SCORE, replace(QUIET, auc=0.7, p_value=1e-4))
    assert with_text_importance(texts, {"documents": 0.2}).importance == pytest.approx(0.71)
    assert with_text_importance(found, {"documents": 0.2}) == found


@pytest.mark.parametrize("users", [50, 1000])
def test_of_windows_without_drift_at_most_one_in_twenty_is_called_drifted(users: int) -> None:
    model, rng = trained(panel()), np.random.default_rng(users)
    month = panel(users=5000, cutoffs=1)
    # Texts have tests of their own, and take most of the time.
    month = replace(month, frame=month.frame.drop(columns="documents"))
    called = 0
    for _ in range(40):
        drawn = rng.permutation(5000)
        reference = of_sample(model, month.rows(drawn[:1000]))
        called += drift_of(model, reference, month.rows(drawn[1000 : 1000 + users])).evidence.window.drifted
    # Seven of forty have a chance of 0.3 % where one in twenty is called drifted.
    assert called < 7
