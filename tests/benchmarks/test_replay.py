"""Tests of the replayed months: nothing is known before its time, and a planted shift is what it says."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from project import ROOT

from purchasing_power.snapshot.user_table import CUTOFF

sys.path.insert(0, str(ROOT / "benchmarks"))

from past_months import SHIFT_MONTH, as_of, months, simulated
from replay import Course, difference, policy_of_defaults


def test_a_month_knows_no_later_row_and_no_outcome_that_was_open() -> None:
    table = simulated("calm", 60)
    moment = months(table, 5)[2]
    known = as_of(table, moment).frame
    assert known[CUTOFF].max() == moment
    told = known.loc[known["spend_next_28d"].notna(), CUTOFF]
    assert told.max() == moment - pd.Timedelta(days=28)


def test_a_crowd_moves_features_and_a_concept_moves_outcomes_alone() -> None:
    calm, crowd, concept = (simulated(kind, 400).frame for kind in ("calm", "crowd", "concept"))
    late = calm[CUTOFF] >= sorted(calm[CUTOFF].unique())[SHIFT_MONTH]
    features = [name for name in calm if name.startswith("signal_")]
    assert np.allclose(calm[features], concept[features])
    assert np.allclose(crowd.loc[late, features] - calm.loc[late, features], 0.8)
    assert np.allclose(calm.loc[~late, "spend_next_28d"], concept.loc[~late, "spend_next_28d"])
    follows = concept[late].groupby(CUTOFF)[["signal_0", "spend_next_28d"]].corr(method="spearman")
    assert follows.xs("signal_0", level=1)["spend_next_28d"].max() < 0.35


def test_a_policy_is_compared_with_itself_without_a_difference() -> None:
    table = simulated("calm", 60)
    rows = table.rows(np.arange(60))
    y = (np.arange(60) % 3 == 0).astype(np.int64)
    course = Course("ours", None, table, scores=[np.linspace(0, 1, 60)])  # type: ignore[arg-type]
    assert difference(course, course, [rows], [y]) == (0.0, 0.0, 0.0)
    assert policy_of_defaults().retrain == "when_needed"
