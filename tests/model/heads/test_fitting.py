"""Tests of the heads: sparse or dense, saved or not, small or large, the scores are the same kind of number."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matrix_heads import fit_head, heads_for
from scipy import sparse
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline

from purchasing_power.errors import DataError
from purchasing_power.model.flat_params import model_params
from purchasing_power.model.heads import rbf_svm
from purchasing_power.model.params import ModelParams

TASKS = {"binary": 2, "multiclass": 3, "regression": 0}
EVERY = [(head, task) for task in TASKS for head in heads_for(task) if head != "mlp"]


def data(task: str, rows: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Columns of which the first two tell the label; half of the values are zero."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 6)) * (rng.random((rows, 6)) < 0.5)
    level = X[:, 0] + X[:, 1] + 0.3 * rng.normal(size=rows)
    if task == "regression":
        return X, np.maximum(0, 100 * level)
    cuts = np.quantile(level, np.linspace(0, 1, TASKS[task] + 1)[1:-1])
    return X, np.searchsorted(cuts, level)


def params(head: str, **values: object) -> ModelParams:
    return model_params({"representation": "none", "head": head, "C": 1.0, "trees": 30, "leaf_rows": 10, **values})


@pytest.mark.parametrize(("head", "task"), EVERY)
def test_a_saved_head_gives_the_scores_that_it_gave(head: str, task: str, tmp_path: Path) -> None:
    X, y = data(task)
    fitted = fit_head(params(head), X, y, task, TASKS[task], seed=0)
    raw = fitted.scores(X)
    assert raw.shape == ((300, 3) if task == "multiclass" else (300,))
    fitted.head.write(fitted.fitted, tmp_path)
    loaded = fitted.head.read(tmp_path)
    np.testing.assert_array_equal(replace(fitted, fitted=loaded).scores(X), raw)


@pytest.mark.parametrize(("head", "task"), EVERY)
def test_a_sparse_matrix_is_taken_as_the_dense_one(head: str, task: str) -> None:
    X, y = data(task)
    one, other = (
        fit_head(params(head), form, y, task, TASKS[task], seed=0).scores(form) for form in (X, sparse.csr_matrix(X))
    )
    np.testing.assert_allclose(one, other, rtol=1e-2, atol=1e-2 * np.std(one))


@pytest.mark.parametrize("task", TASKS)
def test_a_kernel_machine_on_many_rows_is_close_to_the_exact_one(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = data(task)
    exact = fit_head(params("rbf_svm"), X, y, task, TASKS[task], seed=0).scores(X)
    monkeypatch.setattr(rbf_svm, "KERNEL_ROWS", 100)
    monkeypatch.setattr(rbf_svm, "LANDMARKS", 100)
    fitted = fit_head(params("rbf_svm"), X, y, task, TASKS[task], seed=0)
    assert isinstance(getattr(fitted.fitted, "regressor_", fitted.fitted), Pipeline)
    close = fitted.scores(X)
    assert close.shape == exact.shape
    assert np.corrcoef(close.T.ravel(), exact.T.ravel())[0, 1] > (0.8 if task == "multiclass" else 0.9)


def test_a_kernel_sees_what_lies_inside_a_circle_and_a_line_does_not() -> None:
    X = np.random.default_rng(0).normal(size=(300, 2))
    y = ((X**2).sum(axis=1) < 1.2).astype(np.int64)
    line, kernel = (
        roc_auc_score(y, fit_head(params(head), X, y, "binary", 2, 0).scores(X)) for head in ("svm", "rbf_svm")
    )
    assert kernel > 0.95 > 0.75 > line


@pytest.mark.parametrize("head", ["svm", "rbf_svm"])
def test_a_machine_for_amounts_does_not_mind_their_unit(head: str) -> None:
    X, y = data("regression")
    cents, euros = (fit_head(params(head), X, y * unit, "regression", 0, 0).scores(X) / unit for unit in (100, 1))
    np.testing.assert_allclose(cents, euros, atol=0.02 * y.std())


@pytest.mark.parametrize("head", ["logistic", "lightgbm"])
def test_tweedie_scores_are_amounts_above_zero_in_the_labels_unit(head: str, tmp_path: Path) -> None:
    X, y = data("regression")
    fitted = fit_head(params(head, loss="tweedie", trees=200, learning_rate=0.1, l2=0.0), X, y, "regression", 0, seed=0)
    fitted.head.write(fitted.fitted, tmp_path)
    for one in (fitted, replace(fitted, fitted=fitted.head.read(tmp_path))):
        raw = one.scores(X)
        assert one.log_link and (raw > 0).all()
        assert raw.mean() == pytest.approx(y.mean(), rel=0.3)
        assert np.corrcoef(raw, y)[0, 1] > 0.6
        np.testing.assert_allclose(np.exp(one.margins(X)), raw)


def test_the_tweedie_power_is_read() -> None:
    X, y = data("regression")
    for head in ("logistic", "lightgbm"):
        one, other = (
            fit_head(params(head, loss="tweedie", tweedie_power=power), X, y, "regression", 0, 0).scores(X)
            for power in (1.1, 1.9)
        )
        assert np.abs(one - other).max() > 0.5


@pytest.mark.parametrize(
    ("head", "shift", "message"),
    [("svm", 0.0, "tweedie with the head svm"), ("logistic", -5.0, "negative"), ("lightgbm", -5.0, "negative")],
)
def test_tweedie_is_refused_where_it_has_no_meaning(head: str, shift: float, message: str) -> None:
    X, y = data("regression")
    with pytest.raises(DataError, match=message):
        fit_head(params(head, loss="tweedie"), X, y + shift, "regression", 0, 0)


@pytest.mark.parametrize("head", [head for head, task in EVERY if task == "multiclass"])
def test_the_same_seed_gives_the_same_scores(head: str) -> None:
    X, y = data("multiclass")
    one, other = (fit_head(params(head), X, y, "multiclass", 3, 7, n).scores(X) for n in (1, 2))
    np.testing.assert_array_equal(one, other)
