"""A fitted perceptron with one hidden layer, as arrays: it predicts without torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from scipy import sparse

NAMES = ("direct.weight", "hidden.weight", "hidden.bias", "out.weight", "out.bias")


@dataclass(frozen=True)
class Perceptron:
    """Weights of ``direct(x) + out(relu(hidden(x)))``, named as the torch module names them.

    The direct part is a linear model; the hidden layer adds what is not linear.
    """

    weights: dict[str, np.ndarray]

    @property
    def inputs(self) -> int:
        """How many columns the perceptron reads."""
        return int(self.weights["direct.weight"].shape[1])

    def outputs(self, X: np.ndarray | sparse.csr_matrix) -> np.ndarray:
        """Outputs of rows, float32, shape (n_rows, n_outputs), from a dense or sparse matrix."""
        values = X.astype(np.float32)
        one = {name: np.asarray(array, np.float32) for name, array in self.weights.items()}
        hidden = np.maximum(values @ one["hidden.weight"].T + one["hidden.bias"], 0.0)
        return values @ one["direct.weight"].T + hidden @ one["out.weight"].T + one["out.bias"]

    def save(self, path: Path) -> None:
        """Write the weights as safetensors."""
        save_file({name: np.ascontiguousarray(array) for name, array in self.weights.items()}, path)

    @classmethod
    def load(cls, path: Path) -> Perceptron:
        """Read what :meth:`save` wrote."""
        return cls(load_file(path))
