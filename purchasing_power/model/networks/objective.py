"""What a network learns: its losses, how labels are coded for them, and how its outputs are read."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from purchasing_power.model.imbalance import check_imbalance
from purchasing_power.model.params import TWEEDIE, ModelParams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

# exp() of more is no amount that anyone has spent, and would be infinite in float32 soon after.
LARGEST_LOG = 20.0


@dataclass(frozen=True)
class Objective:
    """The loss of a network and the meaning of its outputs.

    Attributes
    ----------
    task, classes
        As :class:`~purchasing_power.model.scorer.Fitting` has them.
    power
        Power of the Tweedie deviance; 0 is squared error. Not read for classes.
    centre, scale
        A regression's outputs times ``scale`` plus ``centre`` are amounts (squared error), or
        ``scale`` times their exponential is (Tweedie, log link).
    class_weights
        Weight of each class in the loss; empty where all weigh the same.
    """

    task: str
    classes: int
    power: float = 0.0
    centre: float = 0.0
    scale: float = 1.0
    class_weights: tuple[float, ...] = ()

    @property
    def outputs(self) -> int:
        """How many outputs the network has: one a class, or one amount."""
        return self.classes if self.task != "regression" else 1

    @property
    def log_link(self) -> bool:
        """Whether the output is the logarithm of an amount."""
        return self.task == "regression" and self.power > 0

    def coded(self, y: np.ndarray) -> np.ndarray:
        """Labels as the loss takes them: int64 codes, or scaled amounts in float32; shape (n,)."""
        if self.task != "regression":
            return np.asarray(y, np.int64)
        return ((np.asarray(y, np.float64) - self.centre) / self.scale).astype(np.float32)

    def raw(self, outputs: np.ndarray) -> np.ndarray:
        """Raw scores of outputs, shape (n, outputs), as ``Scorer.raw`` gives them."""
        outputs = np.asarray(outputs, np.float64)
        if self.log_link:
            return self.scale * np.exp(np.minimum(outputs[:, 0], LARGEST_LOG))
        if self.task == "regression":
            return self.centre + self.scale * outputs[:, 0]
        return outputs[:, 1] - outputs[:, 0] if self.classes == 2 else outputs

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss of each row without its weight, shape (n,): cross-entropy, squared error or Tweedie deviance."""
        import torch

        if self.task != "regression":
            return torch.nn.functional.cross_entropy(outputs, targets, reduction="none")
        one = outputs[:, 0]
        return tweedie_deviance(one, targets, self.power) if self.log_link else (one - targets) ** 2

    def row_weights(self, targets: Tensor) -> Tensor:
        """Weight of each row in the mean loss, shape (n,)."""
        import torch

        if not self.class_weights:
            return torch.ones(len(targets), device=targets.device)
        return torch.tensor(self.class_weights, device=targets.device)[targets]

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean loss of some rows, each by its weight."""
        weights = self.row_weights(targets)
        return (self.losses(outputs, targets) * weights).sum() / weights.sum()

    def to_dict(self) -> dict[str, Any]:
        """Give what :meth:`from_dict` reads."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Objective:
        """Build from what ``json.load`` gives."""
        return cls(**{**values, "class_weights": tuple(values["class_weights"])})


def objective(params: ModelParams, y: np.ndarray, task: str, classes: int) -> Objective:
    """The objective of a network on the labels it is fitted with.

    Class weights are n / (classes * rows of the class) where ``params.imbalance`` is ``"weights"``.

    Raises
    ------
    DataError
        If the head, ``imbalance`` or ``loss`` does not go with the labels.

    Source: King & Zeng (2001), Logistic regression in rare events data, Political Analysis 9.
    """
    check_imbalance(params, task)
    params.check_labels(y, task)
    if task != "regression":
        counts = np.maximum(np.bincount(np.asarray(y, np.int64), minlength=classes), 1)
        weights = len(y) / (classes * counts) if params.imbalance == "weights" else np.zeros(0)
        return Objective(task, classes, class_weights=tuple(float(weight) for weight in weights))
    if params.loss != TWEEDIE:
        return Objective(task, classes, centre=float(np.mean(y)), scale=float(np.std(y)) or 1.0)
    return Objective(task, classes, power=params.tweedie_power, scale=float(np.mean(y)))


def tweedie_deviance(log_mean: Tensor, amounts: Tensor, power: float) -> Tensor:
    """Unit Tweedie deviance of amounts from the means whose logarithms are given, shape (n,).

    2 (y^(2-p) / ((1-p)(2-p)) - y m^(1-p) / (1-p) + m^(2-p) / (2-p)) for a power p between 1 and 2: 0 where
    m = y, and finite for y = 0.

    Source: Jørgensen (1987), Exponential dispersion models, Journal of the Royal Statistical Society B 49.
    """
    import torch

    log_mean = log_mean.clamp(max=LARGEST_LOG)
    own = amounts ** (2 - power) / ((1 - power) * (2 - power))
    crossed = amounts * torch.exp((1 - power) * log_mean) / (1 - power)
    return 2 * (own - crossed + torch.exp((2 - power) * log_mean) / (2 - power))


@contextmanager
def seeded_torch(seed: int, threads: int = 0) -> Iterator[None]:
    """Seed torch and set its threads (0 leaves them), and give both back afterwards as they were."""
    import torch

    before = torch.get_num_threads()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if threads:
            torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)
