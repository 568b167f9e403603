"""A multilayer perceptron on the feature matrix."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from purchasing_power.model.bundle_files import NETWORK
from purchasing_power.model.networks.objective import Objective, objective, seeded_torch
from purchasing_power.model.networks.perceptron import Perceptron
from purchasing_power.model.networks.settings import TrainingSettings, draw_training
from purchasing_power.model.params import SQUARED, TWEEDIE, Draw
from purchasing_power.model.table_scorer import Matrix, MatrixFitting, MatrixHead

WEIGHTS_FILE, OBJECTIVE_FILE = "weights.safetensors", "objective.json"
# Layers this small are fastest on one thread.
THREADS = 1


@dataclass(frozen=True)
class FittedMlp:
    """A fitted perceptron and what its outputs mean; predicting needs no torch."""

    net: Perceptron
    objective: Objective

    def raw(self, X: Matrix) -> np.ndarray:
        """Uncalibrated scores: shape (n_rows,) for two classes and a regression, else (n_rows, classes)."""
        return self.objective.raw(self.net.outputs(X))


@dataclass(frozen=True)
class Mlp(TrainingSettings, MatrixHead):
    """A perceptron with one hidden layer, stopped early on a part of the rows held out."""

    name = "mlp"
    losses = (SQUARED, TWEEDIE)
    explained = "sampled"

    @classmethod
    def search(cls, draw: Draw, wide: bool) -> None:
        draw_training(draw)

    def fit_estimator(self, X: Matrix, y: np.ndarray, fitting: MatrixFitting) -> FittedMlp:
        """Train a perceptron; a sparse matrix is made dense a batch at a time."""
        from purchasing_power.model.networks.holdout import held_out_part
        from purchasing_power.model.networks.modules import PerceptronModule
        from purchasing_power.model.networks.skorch_training import train

        goal = objective(fitting.params, y, fitting.task, fitting.classes)
        held = held_out_part(y, fitting.task, fitting.seed)
        learn = np.setdiff1d(np.arange(len(y)), held)
        with seeded_torch(fitting.seed, THREADS):
            module = PerceptronModule(X.shape[1], self.hidden, goal.outputs, self.dropout)
            inputs = {"x": X.astype(np.float32)}
            train(module, inputs, y, goal, self, learn, held, self.epochs, self.name, fitting.curve)
        return FittedMlp(module.fitted(), goal)

    def raw(self, fitted: FittedMlp, X: Matrix) -> np.ndarray:
        return fitted.raw(X)

    def log_link(self, fitted: FittedMlp) -> bool:
        """Whether the raw score is the exponential of the network's output."""
        return fitted.objective.log_link

    def write(self, fitted: FittedMlp, folder: Path) -> None:
        """Write weights (safetensors) and objective (JSON) to a folder of their own."""
        home = folder / NETWORK
        home.mkdir(parents=True, exist_ok=True)
        fitted.net.save(home / WEIGHTS_FILE)
        (home / OBJECTIVE_FILE).write_text(json.dumps(fitted.objective.to_dict()))

    def read(self, folder: Path) -> FittedMlp:
        home = folder / NETWORK
        values = json.loads((home / OBJECTIVE_FILE).read_text())
        return FittedMlp(Perceptron.load(home / WEIGHTS_FILE), Objective.from_dict(values))
