"""Fine-tuning: epochs over the rows, stopped early on held-out ones, resumable after a kill."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from tqdm.auto import tqdm

from purchasing_power.errors import DataError
from purchasing_power.model.networks.documents import ROW_TOKENS, batches, pieces
from purchasing_power.model.networks.finetune.joint_networks import TrainingData, network
from purchasing_power.model.networks.settings import FinetuneSettings

WARM_UP = 0.1
WEIGHT_DECAY = 0.01
GRADIENT_NORM = 1.0
PATIENCE = 2
# Steps between two points of the training loss's curve.
CURVE_STEPS = 10
# Steps between two checkpoints, which a killed run loses at most; an epoch's end has one as well.
CHECKPOINT_STEPS = 200
# What AdamW keeps of each weight.
MOMENTS = ("step", "exp_avg", "exp_avg_sq")


@dataclass
class Progress:
    """How far a run has come.

    Attributes
    ----------
    epoch, step
        Whole epochs done, and steps done in the next one. Order of rows and dropout follow from the seed,
        the epoch and the step, so that no state of a random generator need be kept.
    best_epoch, best_loss
        Epoch (from 1) whose weights were best on the held-out rows, and their loss there; 0 before the first.
    losses
        Loss of each step since the curve was last written.
    curve
        (name, value, step) of the curve so far.
    """

    epoch: int = 0
    step: int = 0
    best_epoch: int = 0
    best_loss: float = float("inf")
    losses: list[float] = field(default_factory=list)
    curve: list[tuple[str, float, int]] = field(default_factory=list)


class TrainingRun:
    """One training of a language model with the network on top of it.

    AdamW with decoupled decay, linear warm-up over a tenth of the steps and linear decay to zero, gradients
    clipped; ``finetune_rate`` moves the language model, ``network_rate`` the rest. With held-out rows it
    stops once their loss has not fallen for ``PATIENCE`` epochs, and ends with the best epoch's weights.

    Parameters
    ----------
    learn, held
        Positions of the rows to learn from (a repeated one counts as often) and to stop by (may be empty).
    epochs
        Most epochs.
    file
        Checkpoint to go on from and to write; ``None`` keeps none.
    name
        What the bar and the loss curves are called.

    Raises
    ------
    DataError
        While training, if the loss is no longer finite.

    Source: Howard & Ruder (2018), Universal language model fine-tuning, ACL (rates by layer group, warm-up and
    decay); Mosbach, Andriushchenko & Klakow (2021), On the stability of fine-tuning BERT, ICLR.
    """

    def __init__(
        self, data: TrainingData, learn: np.ndarray, held: np.ndarray, epochs: int, file: Path | None, name: str
    ) -> None:
        self.data, self.learn, self.held, self.epochs = data, learn, held, epochs
        self.file, self.name = file, name
        torch.manual_seed(data.seed)
        self.network = network(data)
        self.weights = {f"language.{name}": one for name, one in self.network.language.weights().items()}
        self.weights |= {f"head.{name}": one for name, one in self.network.head.named_parameters()}
        self.optimizer = torch.optim.AdamW(_groups(self.weights, data.settings), fused=True)
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.tokens = data.texts.row_tokens
        self.state = Progress()
        self.best: dict[str, torch.Tensor] = {}

    def train(self) -> int:
        """Train to the end, and give the number of epochs that the weights have seen."""
        if self.file is not None:
            self.state, self.best = read_checkpoint(self.file, self.weights, self.optimizer)
        state, steps = self.state, self._steps()
        for point in state.curve:
            self._draw(point)
        done = state.epoch * steps + state.step
        with tqdm(
            total=self.epochs * steps, initial=done, desc=self.name, unit="step", disable=not self.data.progress
        ) as bar:
            while state.epoch < self.epochs and not self._stopped():
                self._epoch(bar)
        if self.best:
            with torch.no_grad():
                for name, one in self.weights.items():
                    one.copy_(self.best[name])
        return state.best_epoch or state.epoch

    def held_out_loss(self) -> float:
        """Mean loss of the held-out rows, each by its weight."""
        self.network.head.eval()
        total, weight = 0.0, 0.0
        with torch.no_grad():
            order = self.held[np.argsort(self.tokens[self.held], kind="stable")]
            for rows in pieces(order, self.tokens, ROW_TOKENS):
                loss, weights = self._losses(rows)
                total, weight = total + float(loss), weight + float(weights)
        return total / weight

    def _epoch(self, bar: Any) -> None:
        state = self.state
        rng = np.random.default_rng([self.data.seed, state.epoch])
        order = batches(self.learn, self.tokens, self.data.settings.finetune_rows, rng)
        for rows in order[state.step :]:
            self._step(rows)
            bar.update()
            if state.step % CHECKPOINT_STEPS == 0 and state.step < len(order):
                self._write_checkpoint()
        state.epoch, state.step = state.epoch + 1, 0
        if len(self.held):
            loss = self.held_out_loss()
            self._add_to_curve("held_out_loss", loss)
            if loss < state.best_loss:
                state.best_epoch, state.best_loss = state.epoch, loss
                self.best = {name: one.detach().clone() for name, one in self.weights.items()}
            bar.set_postfix(held_out_loss=f"{loss:.4f}")
        self._write_checkpoint()

    def _step(self, rows: np.ndarray) -> None:
        """Move the weights along the mean gradient of a batch, taken piece by piece."""
        state, number = self.state, self.state.epoch * self._steps() + self.state.step
        torch.manual_seed(int(np.random.SeedSequence([self.data.seed, number]).generate_state(1)[0]))
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * _schedule(number, self.epochs * self._steps())
        self.network.head.train()
        weight = self.data.objective.row_weights(self._targets(rows)).sum()
        total = 0.0
        for part in pieces(rows, self.tokens, ROW_TOKENS):
            loss = self._losses(part)[0] / weight
            loss.backward()
            total += float(loss.detach())
        if not math.isfinite(total):
            raise DataError(
                f"model finetune_rate: got {self.data.settings.finetune_rate}, and the loss of step {number + 1} is "
                "not finite. Set a lower rate; network_rate too, where it was raised."
            )
        with_gradient = [one for one in self.weights.values() if one.grad is not None]
        torch.nn.utils.clip_grad_norm_(with_gradient, GRADIENT_NORM, foreach=True)
        self.optimizer.step()
        self.optimizer.zero_grad()
        state.step += 1
        state.losses.append(total)
        if (number + 1) % CURVE_STEPS == 0:
            self._add_to_curve("training_loss", float(np.mean(state.losses)))
            state.losses.clear()

    def _losses(self, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Sum of the rows' weighted losses, and of their weights."""
        goal, targets = self.data.objective, self._targets(rows)
        weights = goal.row_weights(targets)
        return (goal.losses(self.network.outputs(rows), targets) * weights).sum(), weights.sum()

    def _add_to_curve(self, what: str, value: float) -> None:
        point = (f"{self.name}_{what}", value, self.state.epoch * self._steps() + self.state.step)
        self.state.curve.append(point)
        self._draw(point)

    def _draw(self, point: tuple[str, float, int]) -> None:
        if self.data.curve is not None:
            self.data.curve(*point)

    def _write_checkpoint(self) -> None:
        if self.file is not None:
            write_checkpoint(self.file, self.state, self.weights, self.optimizer, self.best)

    def _stopped(self) -> bool:
        return bool(self.state.best_epoch) and self.state.epoch - self.state.best_epoch >= PATIENCE

    def _steps(self) -> int:
        return -(-len(self.learn) // self.data.settings.finetune_rows)

    def _targets(self, rows: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(self.data.targets[rows]).to(self.data.device)


def write_checkpoint(
    path: Path,
    progress: Progress,
    weights: dict[str, torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
    best: dict[str, torch.Tensor],
) -> None:
    """Write a run's weights, the optimizer's moments and the best weights so far: under another name, then renamed."""
    tensors = {f"weights.{name}": one.detach() for name, one in weights.items()}
    tensors |= {f"best.{name}": one for name, one in best.items()}
    for name, one in weights.items():
        if one in optimizer.state:
            tensors |= {f"{moment}.{name}": optimizer.state[one][moment] for moment in MOMENTS}
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.draft")
    # Numbers and their state stand in one file: two could be of different steps.
    metadata = {"progress": json.dumps(asdict(progress))}
    save_file({name: one.cpu().contiguous() for name, one in tensors.items()}, draft, metadata=metadata)
    os.replace(draft, path)


def read_checkpoint(
    path: Path, weights: dict[str, torch.nn.Parameter], optimizer: torch.optim.Optimizer
) -> tuple[Progress, dict[str, torch.Tensor]]:
    """Put a written state into the weights and the optimizer, and give the progress and the best weights.

    A file that is missing or damaged is a run at its start.
    """
    try:
        with safe_open(path, "pt") as file:
            values = json.loads((file.metadata() or {})["progress"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError):
        return Progress(), {}
    with torch.no_grad():
        for name, one in weights.items():
            one.copy_(tensors[f"weights.{name}"])
            if f"step.{name}" in tensors:
                moments = {moment: tensors[f"{moment}.{name}"].to(one.device) for moment in MOMENTS}
                optimizer.state[one] = moments
    best = {name: tensors[f"best.{name}"] for name in weights if f"best.{name}" in tensors}
    values["curve"] = [(name, value, step) for name, value, step in values["curve"]]
    return Progress(**values), best


def _schedule(step: int, steps: int) -> float:
    """Share of the rate at a step: up to 1 over the warm-up, then down to 0."""
    warm = max(1, round(WARM_UP * steps))
    return (step + 1) / warm if step < warm else (steps - step) / max(1, steps - warm)


def _groups(weights: dict[str, torch.nn.Parameter], settings: FinetuneSettings) -> list[dict[str, Any]]:
    """Weights by their rate and decay: biases and norms, which are vectors, are not pulled to zero."""
    groups = []
    for part, rate in (("language", settings.finetune_rate), ("head", settings.network_rate)):
        own = [one for name, one in weights.items() if name.startswith(part)]
        for decay, chosen in ((WEIGHT_DECAY, True), (0.0, False)):
            members = [one for one in own if (one.dim() > 1) == chosen]
            if members:
                groups.append({"params": members, "lr": rate, "weight_decay": decay})
    return groups
