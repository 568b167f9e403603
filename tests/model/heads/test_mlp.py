"""Tests of the perceptron and of the losses that all networks share."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matrix_heads import fit_head
from scipy import sparse
from sklearn.metrics import mean_tweedie_deviance, roc_auc_score

from purchasing_power.errors import DataError
from purchasing_power.model.heads.mlp import Mlp
from purchasing_power.model.networks.objective import Objective, objective, tweedie_deviance
from purchasing_power.model.params import ModelParams
from purchasing_power.model.table_scorer import MatrixFitting

HEAD = Mlp(hidden=16, epochs=15, network_rate=1e-2, dropout=0.1, batch_rows=64)
PARAMS = ModelParams(HEAD, representation="none")


def _rows(count: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Columns, and a value that no line through them tells: the product of two."""
    X = np.random.default_rng(seed).normal(size=(count, 5))
    return X, X[:, 0] * X[:, 1] + 0.3 * X[:, 2]


def _with(**changes: object) -> ModelParams:
    return replace(PARAMS, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("classes", [2, 3])
def test_it_learns_what_a_line_cannot_say(classes: int) -> None:
    X, value = _rows(1200)
    y = np.digitize(value, np.quantile(value, np.linspace(0, 1, classes + 1)[1:-1]))
    task = "binary" if classes == 2 else "multiclass"
    raw = fit_head(PARAMS, X[:800], y[:800], task, classes, seed=0).scores(X[800:])
    top = raw if classes == 2 else raw[:, -1]
    assert raw.shape == ((400,) if classes == 2 else (400, 3))
    assert roc_auc_score(y[800:] == classes - 1, top) > 0.8


def test_the_same_seed_gives_the_same_scores_and_another_one_others() -> None:
    X, value = _rows(200)
    y = (value > 0).astype(int)
    first, again, other = (fit_head(PARAMS, X, y, "binary", 2, seed=seed).scores(X) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


def test_a_sparse_matrix_gives_the_scores_of_the_dense_one() -> None:
    X, value = _rows(200)
    y = (value > 0).astype(int)
    dense = fit_head(PARAMS, X, y, "binary", 2, seed=0)
    thin = fit_head(PARAMS, sparse.csr_matrix(X), y, "binary", 2, seed=0)
    assert np.allclose(dense.scores(X), thin.scores(sparse.csr_matrix(X)), atol=1e-5)


def test_what_is_saved_predicts_the_same_in_a_process_without_torch(tmp_path: Path) -> None:
    X, value = _rows(200)
    fitted = fit_head(PARAMS, X, (value > 0).astype(int), "binary", 2, seed=0)
    fitted.head.write(fitted.fitted, tmp_path)
    np.save(tmp_path / "x.npy", X)
    code = (
        "import sys, numpy as np; from pathlib import Path; from purchasing_power.model.heads.mlp import Mlp; "
        f"at = Path({str(tmp_path)!r}); raw = Mlp().read(at).raw(np.load(at / 'x.npy')); "
        "np.save(at / 'raw.npy', raw); assert 'torch' not in sys.modules and 'skorch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert np.array_equal(np.load(tmp_path / "raw.npy"), fitted.scores(X))
    assert {path.suffix for path in (tmp_path / "mlp").iterdir()} == {".safetensors", ".json"}


def test_weights_lift_the_rare_class() -> None:
    X, value = _rows(600)
    y = (value > np.quantile(value, 0.9)).astype(int)
    plain, weighted = (
        fit_head(_with(imbalance=imbalance), X, y, "binary", 2, seed=0).scores(X) for imbalance in ("none", "weights")
    )
    assert weighted.mean() > plain.mean() + 0.5


def test_training_tells_its_loss_and_that_of_rows_held_out() -> None:
    X, value = _rows(200)
    told: list[tuple[str, float, int]] = []
    given = MatrixFitting(PARAMS, "regression", 0, curve=lambda *one: told.append(one))
    HEAD.fit_matrix(X, value, given)
    losses = [loss for name, loss, _ in told if name == "mlp_training_loss"]
    assert losses[-1] < losses[0]
    assert {name for name, _, _ in told} == {"mlp_training_loss", "mlp_held_out_loss"}


@pytest.mark.parametrize("loss", ["squared", "tweedie"])
def test_amounts_come_back_in_their_own_unit(loss: str) -> None:
    X, value = _rows(600)
    amounts = 1000 * np.exp(X[:, 0]) * (value > -1)
    fitted = fit_head(_with(loss=loss), X, amounts, "regression", 0, seed=0)
    raw = fitted.scores(X)
    assert fitted.log_link == (loss == "tweedie")
    assert abs(raw.mean() / amounts.mean() - 1) < 0.3
    assert np.corrcoef(raw, amounts)[0, 1] > 0.5


def test_the_tweedie_loss_is_the_deviance_of_scikit_learn() -> None:
    import torch

    rng = np.random.default_rng(0)
    amounts = np.where(rng.random(50) < 0.4, 0.0, rng.gamma(2, 3, 50))
    means = rng.gamma(2, 3, 50) + 0.1
    ours = tweedie_deviance(torch.log(torch.from_numpy(means)), torch.from_numpy(amounts), 1.3).mean()
    assert float(ours) == pytest.approx(mean_tweedie_deviance(amounts, means, power=1.3))


def test_the_loss_of_a_batch_weighs_each_class_the_same() -> None:
    import torch

    y = np.asarray([0, 0, 0, 1])
    goal = objective(_with(imbalance="weights"), y, "binary", 2)
    outputs = torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 2.0]])
    each = torch.nn.functional.cross_entropy(outputs, torch.from_numpy(y), reduction="none")
    assert float(goal.loss(outputs, torch.from_numpy(y))) == pytest.approx(float((each[0] + each[3]) / 2))
    assert Objective.from_dict(goal.to_dict()) == goal


def test_negative_amounts_and_weights_of_amounts_are_refused() -> None:
    X, value = _rows(60)
    with pytest.raises(DataError, match="negative"):
        fit_head(_with(loss="tweedie"), X, value, "regression", 0, seed=0)
    with pytest.raises(DataError, match="no classes"):
        fit_head(_with(imbalance="weights"), X, value, "regression", 0, seed=0)
