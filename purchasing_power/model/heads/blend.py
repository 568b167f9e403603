"""A blend: the weighted mean of the outputs of several models."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from purchasing_power.model.bundle_files import BLEND, MEMBER
from purchasing_power.model.calibration import calibrated
from purchasing_power.model.params import MEMBERS, SQUARED, TWEEDIE, Head, ModelParams
from purchasing_power.model.scorer import Curve, Fitting, Scorer
from purchasing_power.snapshot.user_table import UserTableMeta

LEAST = 1e-9


@dataclass(frozen=True)
class Blend(Head):
    """The weighted mean of ``ModelParams.members``, each with a head of its own."""

    name = "blend"
    reads = MEMBERS
    losses = (SQUARED, TWEEDIE)
    explained = "members"

    def fit(self, params: ModelParams, meta: UserTableMeta, fitting: Fitting) -> BlendScorer:
        """Fit every member on the same rows; the weights are those that ``params`` states."""
        scorers = tuple(
            one.params.head.fit(one.params, meta, replace(fitting, curve=_named(fitting.curve, number)))
            for number, one in enumerate(params.members)
        )
        return BlendScorer(scorers, _weights(params), fitting.task)

    def load(self, folder: Path, params: ModelParams, meta: UserTableMeta) -> BlendScorer:
        """Load what :meth:`BlendScorer.save` wrote."""
        scorers = tuple(
            one.params.head.load(folder / MEMBER.format(number), one.params, meta)
            for number, one in enumerate(params.members)
        )
        return BlendScorer(scorers, _weights(params), json.loads((folder / BLEND).read_text())["task"])


@dataclass(frozen=True)
class BlendScorer:
    """Fitted members and their weights, which sum to 1."""

    scorers: tuple[Scorer, ...]
    weights: tuple[float, ...]
    task: str

    def raw(self, frame: pd.DataFrame) -> np.ndarray:
        """Log-odds (two classes) or logarithms of the mean probabilities, or the mean amount."""
        return self.combined([one.raw(frame) for one in self.scorers])

    def combined(self, raws: Sequence[np.ndarray]) -> np.ndarray:
        """What :meth:`raw` makes of the members' raw scores."""
        outputs = [calibrated(None, raw, self.task) for raw in raws]
        return as_raw(mean(outputs, self.weights), self.task)

    def save(self, folder: Path, warm_texts: list[str], store: str | None) -> None:
        """Write each member to a folder of its own; members that read the same encoder share it."""
        for number, scorer in enumerate(self.scorers):
            home = folder / MEMBER.format(number)
            home.mkdir()
            scorer.save(home, warm_texts, store)
        (folder / BLEND).write_text(json.dumps({"task": self.task}))


def mean(parts: Sequence[np.ndarray], weights: Sequence[float] | np.ndarray) -> np.ndarray:
    """Weighted mean of the members' outputs."""
    return np.tensordot(np.asarray(weights) / np.sum(weights), np.stack(parts), axes=1)


def as_raw(values: np.ndarray, task: str) -> np.ndarray:
    """Outputs as raw scores: ``calibrated(None, as_raw(x, task), task)`` gives x again."""
    if task == "regression":
        return values
    logs = np.log(np.clip(values, LEAST, 1.0))
    return logs[:, 1] - logs[:, 0] if values.shape[1] == 2 else logs


def _named(curve: Curve | None, number: int) -> Curve | None:
    """The same curve under a member's own name: two networks would be drawn as one line."""
    if curve is None:
        return None
    return lambda name, value, step: curve(f"member_{number}.{name}", value, step)


def _weights(params: ModelParams) -> tuple[float, ...]:
    total = sum(member.weight for member in params.members)
    return tuple(member.weight / total for member in params.members)
