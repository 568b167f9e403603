"""What a model's outputs say of a user: score, tier, class, expected spend."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from purchasing_power.snapshot.target import TIERS, Target


@dataclass(frozen=True)
class Replies:
    """How outputs are read.

    Attributes
    ----------
    score_levels
        Scores between which the tier is middle.
    """

    target: Target
    score_levels: tuple[float, ...]

    def columns(self, outputs: np.ndarray) -> dict[str, np.ndarray]:
        """Columns of a prediction, without the user; shape (n_rows,) each.

        Parameters
        ----------
        outputs
            Calibrated class probabilities, shape (n_rows, classes), or amounts, shape (n_rows,).
        """
        columns: dict[str, np.ndarray] = {}
        if self.target.positive is not None or self.target.task == "regression":
            columns["score"] = ranking(self.target, outputs)
            columns["tier"] = self._tiers(outputs)
        if self.target.task != "regression":
            columns["predicted"] = np.asarray(self.target.classes, object)[outputs.argmax(axis=1)]
            columns |= {
                f"probability_{name}": outputs[:, code] for code, name in enumerate(self.target.classes)
            }
        spend = self.expected_spend(outputs)
        if spend is not None:
            columns["expected_spend"] = spend
        return columns

    def expected_spend(self, outputs: np.ndarray) -> np.ndarray | None:
        """Spend (currency) to expect: predicted, or each tier's training mean weighted by its probability."""
        if self.target.name == "spend":
            return outputs
        return outputs @ np.asarray(self.target.class_spend) if self.target.class_spend else None

    def _tiers(self, outputs: np.ndarray) -> np.ndarray:
        if self.target.name == "tier":
            return np.asarray(TIERS, object)[outputs.argmax(axis=1)]
        scores = ranking(self.target, outputs)
        return np.asarray(TIERS, object)[np.searchsorted(self.score_levels, scores, side="left")]


def ranking(target: Target, outputs: np.ndarray) -> np.ndarray:
    """Amounts, or probabilities of the positive class, or of each row's likeliest class; shape (n_rows,)."""
    if target.task == "regression":
        return outputs
    return outputs.max(axis=1) if target.positive is None else outputs[:, target.positive]
