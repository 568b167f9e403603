"""A multilayer perceptron on the feature matrix."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

from purchasing_power.model.networks.objective import Objective, objective, seeded_torch
from purchasing_power.model.networks.perceptron import Perceptron
from purchasing_power.model.params import ModelParams

WEIGHTS_FILE, OBJECTIVE_FILE = "weights.safetensors", "objective.json"


@dataclass(frozen=True)
class Mlp:
    """A fitted perceptron and what its outputs mean; predicting needs no torch."""

    net: Perceptron
    objective: Objective

    @property
    def log_link(self) -> bool:
        """Whether the raw score is the exponential of the network's output."""
        return self.objective.log_link

    def raw(self, X: np.ndarray | sparse.csr_matrix) -> np.ndarray:
        """Uncalibrated scores: shape (n_rows,) for two classes and a regression, else (n_rows, classes)."""
        return self.objective.raw(self.net.outputs(X))

    def save(self, folder: Path) -> None:
        """Write weights (safetensors) and objective (JSON) to a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self.net.save(folder / WEIGHTS_FILE)
        (folder / OBJECTIVE_FILE).write_text(json.dumps(self.objective.to_dict()))


def load(folder: Path) -> Mlp:
    """Read what :meth:`Mlp.save` wrote."""
    told = json.loads((folder / OBJECTIVE_FILE).read_text())
    return Mlp(Perceptron.load(folder / WEIGHTS_FILE), Objective.from_dict(told))


def fit(
    params: ModelParams,
    X: np.ndarray | sparse.csr_matrix,
    y: np.ndarray,
    task: str,
    classes: int,
    seed: int,
    threads: int = 1,
    curve: Callable[[str, float, int], None] | None = None,
) -> Mlp:
    """Fit a perceptron with one hidden layer, stopped early on a part of the rows held out.

    Parameters
    ----------
    X
        Feature matrix of like-sized columns, shape (n_rows, n_columns); a sparse one is made dense a batch at a time.
    y
        Class codes 0..classes-1, or amounts; shape (n_rows,).
    threads
        Threads of torch; layers this small are fastest on one.
    curve
        Told (name, value, step) after each epoch.

    Raises
    ------
    DataError
        If ``params.loss`` or ``params.imbalance`` does not go with the labels.
    """
    from purchasing_power.model.networks.holdout import held_out_part
    from purchasing_power.model.networks.modules import PerceptronModule
    from purchasing_power.model.networks.skorch_training import train

    goal = objective(params, y, task, classes)
    held = held_out_part(y, task, seed)
    learn = np.setdiff1d(np.arange(len(y)), held)
    with seeded_torch(seed, threads):
        module = PerceptronModule(X.shape[1], params.hidden, goal.outputs, params.dropout)
        inputs = {"x": X.astype(np.float32)}
        train(module, inputs, y, goal, params, learn, held, params.epochs, curve)
    return Mlp(module.fitted(), goal)
