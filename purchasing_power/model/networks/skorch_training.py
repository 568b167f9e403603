"""Training of a small torch module through skorch, stopped early on held-out rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy import sparse
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, GradientNormClipping
from skorch.helper import predefined_split
from torch.utils.data import Dataset

from purchasing_power.model.networks.objective import Objective
from purchasing_power.model.networks.settings import TrainingSettings
from purchasing_power.model.scorer import Curve

PATIENCE = 4
GRADIENT_NORM = 1.0
WEIGHT_DECAY = 0.01

Inputs = dict[str, Any]


class RowDataset(Dataset):
    """Rows of named inputs and their targets, fetched a batch at a time; sparse ones become dense only there."""

    def __init__(self, inputs: Inputs, targets: np.ndarray, rows: np.ndarray) -> None:
        self.inputs, self.targets, self.rows = inputs, targets, rows

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.rows)

    def __getitem__(self, place: int) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """Give one row."""
        return self.__getitems__([place])

    def __getitems__(self, places: Sequence[int]) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """Give the rows of a batch."""
        rows = self.rows[np.asarray(places)]
        chosen = {name: _dense(values[rows]) for name, values in self.inputs.items()}
        return chosen, torch.from_numpy(self.targets[rows])


def train(
    module: torch.nn.Module,
    inputs: Inputs,
    y: np.ndarray,
    objective: Objective,
    settings: TrainingSettings,
    learn: np.ndarray,
    held: np.ndarray,
    epochs: int,
    name: str,
    curve: Curve | None = None,
) -> int:
    """Train a module in place and give the number of epochs its weights have seen.

    With held-out rows it stops once their loss has not fallen for ``PATIENCE`` epochs, and the weights of the
    best epoch are kept. AdamW with gradients clipped; the caller seeds torch.

    Parameters
    ----------
    inputs
        What the module's ``forward`` takes by name, each of n rows.
    learn, held
        Positions of the rows to learn from, and to stop by (may be empty).
    name
        Prefix of the loss curves.

    Source: Loshchilov & Hutter (2019), Decoupled weight decay regularization, ICLR.
    """
    targets = objective.coded(y)
    callbacks: list[Any] = [GradientNormClipping(GRADIENT_NORM), _LossCurve(curve, name)]
    if len(held):
        callbacks.append(EarlyStopping(patience=PATIENCE, threshold=0.0, load_best=True, sink=_no_message))
    net = NeuralNet(
        module,
        criterion=_Loss,
        criterion__objective=objective,
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=WEIGHT_DECAY,
        lr=settings.network_rate,
        max_epochs=epochs,
        batch_size=settings.batch_rows,
        iterator_train__shuffle=True,
        iterator_train__collate_fn=_unchanged,
        iterator_valid__collate_fn=_unchanged,
        train_split=predefined_split(RowDataset(inputs, targets, held)) if len(held) else None,
        callbacks=callbacks,
        callbacks__print_log=None,
        verbose=0,
    )
    net.fit(RowDataset(inputs, targets, learn), y=None)
    module.eval()
    if not len(held):
        return len(net.history)
    return int(np.flatnonzero(net.history[:, "valid_loss_best"])[-1]) + 1


class _Loss(torch.nn.Module):
    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self.objective = objective

    def forward(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return self.objective.loss(outputs, targets)


class _LossCurve(Callback):
    """Passes each epoch's losses on."""

    def __init__(self, curve: Curve | None, name: str) -> None:
        self.curve, self.name = curve, name

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        last = net.history[-1]
        if self.curve is not None:
            self.curve(f"{self.name}_training_loss", float(last["train_loss"]), last["epoch"])
            if "valid_loss" in last:
                self.curve(f"{self.name}_held_out_loss", float(last["valid_loss"]), last["epoch"])


def _dense(values: Any) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values.toarray() if sparse.issparse(values) else values))


def _unchanged(batch: Any) -> Any:
    return batch


def _no_message(text: str) -> None:
    """Take skorch's messages: the curve holds the same."""
