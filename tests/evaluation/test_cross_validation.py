"""Tests of cross-validation: fold scores are those of a plain fit, and blocks are computed once."""

from __future__ import annotations

import numpy as np
import pytest
from matrix_heads import MATRIX_HEADS, fit_head, heads_for
from tables import changed, flat, panel, sparse

from purchasing_power.errors import DataError
from purchasing_power.evaluation import cross_validation
from purchasing_power.evaluation.cross_validation import CrossValidation, cached, scorable
from purchasing_power.evaluation.target_metrics import primary_score
from purchasing_power.model.calibration import calibrated
from purchasing_power.model.features import column_groups, prepare, transformer
from purchasing_power.model.flat_params import model_params
from purchasing_power.model.splits import folds, split
from purchasing_power.snapshot.target import fit_target
from purchasing_power.snapshot.target_choice import choose_target

PARAMS = {"representation": "tfidf", "text_components": 4, "trees": 30, "leaf_rows": 10, "epochs": 5}


@pytest.mark.parametrize("head", heads_for("multiclass"))
def test_a_fold_score_is_that_of_fitting_on_the_fold_alone(head: str) -> None:
    table = panel()
    pairs = folds(table, split(table).known, 2)
    params = model_params({**PARAMS, "head": head})
    found = CrossValidation(table, pairs, "tier").scores(params)
    for (fitted, later), score in zip(pairs, found, strict=True):
        before, after = table.frame.iloc[fitted], table.frame.iloc[later]
        target = fit_target("tier", table, fitted)
        columns = transformer(params, table.meta, 0)
        X = columns.fit_transform(prepare(before, table.meta), target.labels(before))
        model = fit_head(params, X, target.labels(before), target.task, 3, 0)
        outputs = calibrated(None, model.scores(columns.transform(prepare(after, table.meta))), target.task)
        assert score == pytest.approx(primary_score(target, target.labels(after), outputs))


def test_a_block_is_computed_once_per_fold_for_all_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    table = panel()
    calls = []
    real = cross_validation._fit_block
    monkeypatch.setattr(cross_validation, "_fit_block", lambda *given: calls.append(1) or real(*given))
    checked = CrossValidation(table, folds(table, split(table).known, 2), "tier")
    for trees in (10, 20, 30):
        checked.scores(model_params({**PARAMS, "trees": trees}))
    assert len(calls) == 2 * 3  # two folds; numeric, categorical and tfidf


def test_test_rows_never_enter_a_fold() -> None:
    for table in (panel(), flat()):
        parts = split(table)
        for fitted, later in folds(table, parts.known, 3):
            assert not (set(fitted) | set(later)) & set(parts.test)


@pytest.mark.parametrize("head", MATRIX_HEADS)
def test_every_matrix_column_belongs_to_one_user_table_column(head: str) -> None:
    table = panel()
    params = model_params({**PARAMS, "head": head})
    columns = transformer(params, table.meta, 0)
    X = columns.fit_transform(prepare(table.frame, table.meta))
    groups = column_groups(columns, table.meta)
    assert sorted(np.concatenate(list(groups.values()))) == list(range(X.shape[1]))
    assert set(groups) == {*table.meta.features, "text (tfidf)"}


def test_folds_that_lack_a_class_of_the_chosen_target_are_left_out() -> None:
    table = sparse(1_000, cutoffs=8)
    parts = split(table)
    pairs = folds(table, parts.known, 5)
    name = choose_target("auto", table, parts.train, parts.calibrate).name
    assert name == "four_tiers"
    assert scorable(table, pairs, name) == pairs
    # Until the third cutoff nobody spends, at the fifth nobody does.
    moments = table.cutoffs()
    silent = table.frame["cutoff"].isin([*moments[:2], moments[4]]) & table.frame["spend_next_28d"].notna()
    quiet = changed(table, spend_next_28d=table.frame["spend_next_28d"].mask(silent, 0.0))
    scored = [quiet.frame["cutoff"].iloc[later].iloc[0] for _, later in scorable(quiet, pairs, name)]
    assert scored == [moments[3], moments[5]]
    checked = CrossValidation(quiet, scorable(quiet, pairs, name), name)
    assert {checked.target(number).classes for number in range(2)} == {("none", "low", "middle", "high")}
    assert np.isfinite(checked.scores(model_params(representation="none", head="logistic"))).all()
    with pytest.raises(DataError, match="none of 1 has rows of every class"):
        scorable(quiet, pairs[:1], name)


def test_what_is_remembered_stays_below_the_limit_and_the_last_used_stays() -> None:
    memory: dict[str, np.ndarray] = {}
    made = []

    def make(name: str) -> np.ndarray:
        return cached(memory, name, lambda: made.append(name) or np.zeros(100), limit=2_000)

    for name in "abac":
        make(name)
    assert list(memory) == ["a", "c"] and made == ["a", "b", "c"]
    cached(memory, "huge", lambda: np.zeros(1_000), limit=2_000)
    assert list(memory) == ["huge"]


@pytest.mark.parametrize("width", [0, 6])
def test_forgetting_changes_no_score(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    table = panel()
    pairs = folds(table, split(table).known, 2)
    every = [model_params({**PARAMS, "head": head, "tfidf_width": width}) for head in ("svm", "logistic", "svm")]
    kept = [CrossValidation(table, pairs, "tier").scores(params) for params in every]
    monkeypatch.setattr(cross_validation, "BLOCK_BYTES", 1)
    monkeypatch.setattr(cross_validation, "OUTPUT_BYTES", 1)
    checked = CrossValidation(table, pairs, "tier")
    assert [checked.scores(params) for params in every] == kept
    assert len(checked._blocks) == len(checked._outputs) == 1
