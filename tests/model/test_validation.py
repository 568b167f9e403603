"""Laws of cross-validation: fold scores are those of a plain fit, and blocks are computed once."""

from __future__ import annotations

import numpy as np
import pytest
from tables import flat, panel

from purchasing_power.model import validation
from purchasing_power.model.calibration import calibrated
from purchasing_power.model.features import column_groups, prepare, transformer
from purchasing_power.model.heads import contributions, fit_head, raw_scores
from purchasing_power.model.params import HEADS, ModelParams
from purchasing_power.model.purchasing_model import dense
from purchasing_power.model.splits import folds, split
from purchasing_power.model.validation import CrossValidation, primary_score
from purchasing_power.snapshot.target import fit_target

PARAMS = {"representation": "tfidf", "text_components": 4, "trees": 30, "leaf_rows": 10}


@pytest.mark.parametrize("head", HEADS)
def test_a_fold_score_is_that_of_fitting_on_the_fold_alone(head: str) -> None:
    table = panel()
    pairs = folds(table, split(table).known, 2)
    params = ModelParams.from_dict({**PARAMS, "head": head})
    found = CrossValidation(table, pairs, "tier").scores(params)
    for (fitted, later), score in zip(pairs, found, strict=True):
        before, after = table.frame.iloc[fitted], table.frame.iloc[later]
        target = fit_target("tier", table, fitted)
        columns = transformer(params, table.meta, 0)
        X = dense(columns.fit_transform(prepare(before, table.meta)))
        model = fit_head(params, X, target.labels(before), target.task, 3, 0)
        outputs = calibrated(
            None, raw_scores(model, dense(columns.transform(prepare(after, table.meta)))), target.task
        )
        assert score == pytest.approx(primary_score(target, target.labels(after), outputs))


def test_a_block_is_computed_once_per_fold_for_all_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    table = panel()
    calls = []
    real = validation._fit_block
    monkeypatch.setattr(validation, "_fit_block", lambda *given: calls.append(1) or real(*given))
    checked = CrossValidation(table, folds(table, split(table).known, 2), "tier")
    for trees in (10, 20, 30):
        checked.scores(ModelParams.from_dict({**PARAMS, "trees": trees}))
    assert len(calls) == 2 * 3  # two folds; numeric, categorical and tfidf


def test_test_rows_never_enter_a_fold() -> None:
    for table in (panel(), flat()):
        parts = split(table)
        for fitted, later in folds(table, parts.known, 3):
            assert not (set(fitted) | set(later)) & set(parts.test)


@pytest.mark.parametrize("head", HEADS)
def test_every_matrix_column_belongs_to_one_user_table_column(head: str) -> None:
    table = panel()
    params = ModelParams.from_dict({**PARAMS, "head": head})
    columns = transformer(params, table.meta, 0)
    X = dense(columns.fit_transform(prepare(table.frame, table.meta)))
    groups = column_groups(columns, table.meta)
    assert sorted(np.concatenate(list(groups.values()))) == list(range(X.shape[1]))
    assert set(groups) == {*table.meta.features, "text (tfidf)"}


@pytest.mark.parametrize("head", HEADS)
def test_contributions_add_up_to_the_raw_score(head: str) -> None:
    table = panel()
    rows = split(table).train
    target = fit_target("intent", table, rows)
    params = ModelParams.from_dict({**PARAMS, "head": head})
    X = dense(transformer(params, table.meta, 0).fit_transform(prepare(table.frame.iloc[rows], table.meta)))
    model = fit_head(params, X, target.labels(table.frame.iloc[rows]), "binary", 2, 0)
    rest = raw_scores(model, X) - contributions(model, X, 1).sum(axis=1)
    assert rest == pytest.approx(rest[0], abs=1e-6)
