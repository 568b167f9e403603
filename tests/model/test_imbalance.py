"""Tests of imbalance: it changes fitted rows alone, and calibration undoes what it does to probabilities."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from matrix_heads import fit_head, heads_for
from scipy import sparse
from tables import flat, panel

from purchasing_power.errors import DataError
from purchasing_power.evaluation.cross_validation import CrossValidation
from purchasing_power.model.calibration import calibrated, fit_calibrator
from purchasing_power.model.flat_params import model_params
from purchasing_power.model.imbalance import check_imbalance, resampled, resampled_rows, row_weights
from purchasing_power.model.params import ModelParams, choices
from purchasing_power.model.purchasing_model import fit
from purchasing_power.model.splits import folds, split
from purchasing_power.snapshot.target import fit_target

EVERY = [head for head in heads_for("binary") if head != "mlp"]
SAMPLING = [name for name in choices(ModelParams, "imbalance") if name not in ("none", "weights")]


def params(imbalance: str, head: str = "logistic", **values: object) -> ModelParams:
    return model_params(
        {"representation": "none", "head": head, "imbalance": imbalance, "trees": 40, "leaf_rows": 10, **values}
    )


def rare(rows: int, seed: int = 0, share: float = 0.15) -> tuple[np.ndarray, np.ndarray]:
    """Two overlapping classes, the second one rare."""
    rng = np.random.default_rng(seed)
    y = (rng.random(rows) < share).astype(np.int64)
    return rng.normal(size=(rows, 4)) + 0.9 * y[:, None], y


@pytest.mark.parametrize("imbalance", ["weights", *SAMPLING])
@pytest.mark.parametrize("head", EVERY)
def test_sampling_leaves_calibrated_probabilities_unbiased(head: str, imbalance: str) -> None:
    (X, y), (later, later_y), (new, new_y) = rare(1500), rare(1500, 1), rare(3000, 2)
    chosen = params(imbalance, head)
    X, y = resampled(chosen, X, y, "binary", 0)
    fitted = fit_head(chosen, X, y, "binary", 2, 0)
    calibrator = fit_calibrator(fitted.scores(later), later_y, "binary", 2)
    raw = fitted.scores(new)
    plain, said = (calibrated(one, raw, "binary")[:, 1] for one in (None, calibrator))
    assert said.mean() == pytest.approx(new_y.mean(), abs=0.025)
    high = said > np.quantile(said, 0.8)
    assert said[high].mean() == pytest.approx(new_y[high].mean(), abs=0.08)
    # Without calibration the same scores are far off, so the test can fail.
    assert plain.mean() > new_y.mean() + 0.08


def test_a_model_that_was_fitted_with_sampling_says_the_frequency_of_later_rows() -> None:
    table = panel(users=1500, signal=0.5)
    parts = split(table)
    target, later = fit_target("tier", table, parts.train), table.rows(parts.test)
    truth = np.bincount(target.labels(later.frame), minlength=3) / len(later.frame)
    for imbalance in ("over", "smote"):
        said = fit(table, parts, target, params(imbalance)).outputs(later.frame).mean(axis=0)
        assert said == pytest.approx(truth, abs=0.03)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("imbalance", SAMPLING)
def test_sampling_makes_the_classes_equal_and_keeps_the_form(imbalance: str, form: type) -> None:
    X, y = rare(400)
    found, labels = resampled(params(imbalance), form(X), y, "binary", 0)
    counts = np.bincount(labels)
    assert counts[1] == pytest.approx(counts[0], rel=0.1)
    assert found.shape == (len(labels), 4) and sparse.issparse(found) == sparse.issparse(form(X))
    again = resampled(params(imbalance), form(X), y, "binary", 0)
    assert np.array_equal(again[1], labels) and abs(again[0] - found).max() == 0


def test_over_and_under_sampling_choose_rows_without_a_matrix() -> None:
    y = rare(400)[1]
    over, under = (resampled_rows(params(name), y, 0) for name in ("over", "under"))
    assert set(over) == set(range(400)) and np.bincount(y[over]).tolist() == [(y == 0).sum()] * 2
    assert len(set(under)) == len(under) and np.bincount(y[under]).tolist() == [(y == 1).sum()] * 2
    assert resampled_rows(params("none"), y, 0).tolist() == list(range(400))


def test_weights_give_every_class_the_same_weight() -> None:
    y = rare(400)[1]
    weights = row_weights(params("weights"), y, 2)
    assert weights is not None
    assert np.bincount(y, weights).tolist() == pytest.approx([200, 200])
    assert row_weights(params("none"), y, 2) is None


@pytest.mark.parametrize("imbalance", ["smote", "adasyn"])
def test_a_small_class_gets_fewer_neighbours_and_a_single_row_is_refused(imbalance: str) -> None:
    X, y = rare(100)
    for rows in (3, 2):
        few = np.concatenate([np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:rows]])
        labels = resampled(params(imbalance), X[few], y[few], "binary", 0)[1]
        assert (labels == 1).sum() > 20
    few = np.concatenate([np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:1]])
    with pytest.raises(DataError, match="a class of 1 row"):
        resampled(params(imbalance), X[few], y[few], "binary", 0)


def test_adasyn_gives_way_to_smote_where_the_classes_lie_apart(caplog: pytest.LogCaptureFixture) -> None:
    X, y = rare(200)
    with caplog.at_level(logging.WARNING):
        labels = resampled(params("adasyn"), X + 100 * y[:, None], y, "binary", 0)[1]
    assert np.ptp(np.bincount(labels)) == 0 and "smote is used instead" in caplog.text


def test_what_has_no_meaning_is_refused_with_what_is_allowed() -> None:
    for imbalance in choices(ModelParams, "imbalance")[1:]:
        with pytest.raises(DataError, match="no classes; allowed is none"):
            check_imbalance(params(imbalance), "regression")
    for imbalance in ("smote", "adasyn"):
        with pytest.raises(DataError, match="allowed are none, weights, over, under"):
            check_imbalance(params(imbalance, "textcnn"), "binary")
    check_imbalance(params("over", "textcnn"), "binary")


def test_trees_take_missing_values_also_with_synthetic_rows() -> None:
    table = flat()
    frame = table.frame.assign(income=table.frame["income"].mask(np.arange(240) % 5 == 0))
    table = type(table)(frame, table.meta)
    parts = split(table)
    model = fit(table, parts, fit_target("auto", table, parts.train), params("smote", "lightgbm"))
    assert np.isfinite(model.outputs(frame)).all()


@pytest.mark.parametrize("imbalance", SAMPLING)
def test_scored_and_calibration_rows_are_never_sampled(imbalance: str) -> None:
    table = panel()
    parts = split(table)
    pairs = folds(table, parts.known, 2)
    checked = CrossValidation(table, pairs, "tier")
    assert [len(checked.outputs(n, params(imbalance))) for n in range(2)] == [len(pair[1]) for pair in pairs]
    model = fit(table, parts, fit_target("tier", table, parts.train), params(imbalance))
    assert model.training.calibration_rows == len(parts.calibrate)
    assert len(model.seen) == len(np.unique(model.seen)) == len(parts.known)
