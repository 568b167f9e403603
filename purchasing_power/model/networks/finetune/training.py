"""Fine-tuning: epochs over the rows, stopped early on held-out ones, resumable after a kill."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from purchasing_power.errors import DataError
from purchasing_power.model.networks.documents import ROW_TOKENS, batches, pieces
from purchasing_power.model.networks.finetune import checkpoint
from purchasing_power.model.networks.finetune.checkpoint import Progress
from purchasing_power.model.networks.finetune.joint_networks import Material, network
from purchasing_power.model.params import ModelParams

WARM_UP = 0.1
DECAY = 0.01
LARGEST_GRADIENT = 1.0
PATIENCE = 2
TOLD_STEPS = 10
# Steps between two checkpoints, which a killed run loses at most; an epoch's end has one as well.
CHECKPOINT_STEPS = 200


class Run:
    """One training of a language model with the network on top of it.

    AdamW with decoupled decay, linear warm-up over a tenth of the steps and linear decay to zero, gradients
    clipped; ``tuning_rate`` moves the language model, ``network_rate`` the rest. With held-out rows it
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
        self,
        material: Material,
        learn: np.ndarray,
        held: np.ndarray,
        epochs: int,
        file: Path | None,
        name: str,
    ) -> None:
        self.material, self.learn, self.held, self.epochs = material, learn, held, epochs
        self.file, self.name = file, name
        torch.manual_seed(material.seed)
        self.network = network(material)
        self.weights = {f"language.{name}": one for name, one in self.network.language.weights().items()}
        self.weights |= {f"head.{name}": one for name, one in self.network.head.named_parameters()}
        self.optimizer = torch.optim.AdamW(_groups(self.weights, material.params), fused=True)
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.tokens = material.texts.row_tokens
        self.state = Progress()
        self.best: dict[str, torch.Tensor] = {}

    def train(self) -> int:
        """Train to the end, and give the number of epochs that the weights have seen."""
        if self.file is not None:
            self.state, self.best = checkpoint.read(self.file, self.weights, self.optimizer)
        state, steps = self.state, self._steps()
        for told in state.curve if self.material.curve else ():
            self.material.curve(*told)  # type: ignore[misc]
        done = state.epoch * steps + state.step
        with tqdm(
            total=self.epochs * steps,
            initial=done,
            desc=self.name,
            unit="step",
            disable=not self.material.progress,
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
        rng = np.random.default_rng([self.material.seed, state.epoch])
        order = batches(self.learn, self.tokens, self.material.params.tuning_rows, rng)
        for rows in order[state.step :]:
            self._step(rows)
            bar.update()
            if state.step % CHECKPOINT_STEPS == 0 and state.step < len(order):
                self._keep()
        state.epoch, state.step = state.epoch + 1, 0
        if len(self.held):
            loss = self.held_out_loss()
            self._tell("held_out_loss", loss)
            if loss < state.best_loss:
                state.best_epoch, state.best_loss = state.epoch, loss
                self.best = {name: one.detach().clone() for name, one in self.weights.items()}
            bar.set_postfix(held_out_loss=f"{loss:.4f}")
        self._keep()

    def _step(self, rows: np.ndarray) -> None:
        """Move the weights along the mean gradient of a batch, taken piece by piece."""
        state, number = self.state, self.state.epoch * self._steps() + self.state.step
        torch.manual_seed(int(np.random.SeedSequence([self.material.seed, number]).generate_state(1)[0]))
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * _schedule(number, self.epochs * self._steps())
        self.network.head.train()
        weight = self.material.objective.row_weights(self._targets(rows)).sum()
        total = 0.0
        for part in pieces(rows, self.tokens, ROW_TOKENS):
            loss = self._losses(part)[0] / weight
            loss.backward()
            total += float(loss.detach())
        if not math.isfinite(total):
            raise DataError(
                f"model tuning_rate: got {self.material.params.tuning_rate}, and the loss of step {number + 1} is not "
                "finite. Set a lower rate; network_rate too, where it was raised."
            )
        moved = [one for one in self.weights.values() if one.grad is not None]
        torch.nn.utils.clip_grad_norm_(moved, LARGEST_GRADIENT, foreach=True)
        self.optimizer.step()
        self.optimizer.zero_grad()
        state.step += 1
        state.losses.append(total)
        if (number + 1) % TOLD_STEPS == 0:
            self._tell("training_loss", float(np.mean(state.losses)))
            state.losses.clear()

    def _losses(self, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Sum of the rows' weighted losses, and of their weights."""
        goal, targets = self.material.objective, self._targets(rows)
        weights = goal.row_weights(targets)
        return (goal.losses(self.network.outputs(rows), targets) * weights).sum(), weights.sum()

    def _tell(self, what: str, value: float) -> None:
        told = (f"{self.name}_{what}", value, self.state.epoch * self._steps() + self.state.step)
        self.state.curve.append(told)
        if self.material.curve is not None:
            self.material.curve(*told)

    def _keep(self) -> None:
        if self.file is not None:
            checkpoint.write(self.file, self.state, self.weights, self.optimizer, self.best)

    def _stopped(self) -> bool:
        return bool(self.state.best_epoch) and self.state.epoch - self.state.best_epoch >= PATIENCE

    def _steps(self) -> int:
        return -(-len(self.learn) // self.material.params.tuning_rows)

    def _targets(self, rows: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(self.material.targets[rows]).to(self.material.device)


def _schedule(step: int, steps: int) -> float:
    """Share of the rate at a step: up to 1 over the warm-up, then down to 0."""
    warm = max(1, round(WARM_UP * steps))
    return (step + 1) / warm if step < warm else (steps - step) / max(1, steps - warm)


def _groups(weights: dict[str, torch.nn.Parameter], params: ModelParams) -> list[dict[str, Any]]:
    """Weights by their rate and decay: biases and norms, which are vectors, are not pulled to zero."""
    groups = []
    for part, rate in (("language", params.tuning_rate), ("head", params.network_rate)):
        own = [one for name, one in weights.items() if name.startswith(part)]
        for decay, chosen in ((DECAY, True), (0.0, False)):
            members = [one for one in own if (one.dim() > 1) == chosen]
            if members:
                groups.append({"params": members, "lr": rate, "weight_decay": decay})
    return groups
