"""The state of a training run as one file that a killed run goes on from: safetensors, no pickle."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

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
        Loss of each step since the curve was last told.
    curve
        (name, value, step) that the curve was told.
    """

    epoch: int = 0
    step: int = 0
    best_epoch: int = 0
    best_loss: float = float("inf")
    losses: list[float] = field(default_factory=list)
    curve: list[tuple[str, float, int]] = field(default_factory=list)


def write(
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
    told = {"progress": json.dumps(asdict(progress))}
    save_file({name: one.cpu().contiguous() for name, one in tensors.items()}, draft, metadata=told)
    os.replace(draft, path)


def read(
    path: Path, weights: dict[str, torch.nn.Parameter], optimizer: torch.optim.Optimizer
) -> tuple[Progress, dict[str, torch.Tensor]]:
    """Put a written state into the weights and the optimizer, and give the progress and the best weights.

    A file that is missing or damaged is a run at its start.
    """
    try:
        with safe_open(path, "pt") as file:
            told = json.loads((file.metadata() or {})["progress"])
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
    told["curve"] = [(name, value, step) for name, value, step in told["curve"]]
    return Progress(**told), best
