"""The blend of a study's best models: who enters, with which weight, and whether it beats the best alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from purchasing_power.evaluation.cross_validation import CrossValidation
from purchasing_power.evaluation.target_metrics import primary_score
from purchasing_power.model.heads import blend
from purchasing_power.model.params import ModelParams
from purchasing_power.snapshot.user_table import USER

HALVES = 2


@dataclass(frozen=True)
class Blended:
    """A blend and what it is worth.

    Attributes
    ----------
    params
        The blend with weights chosen on all parts; a single model where one has all the weight.
    members, weights
        Who was asked, best alone first, and the weight of each.
    scores, alone
        Primary metric on each part of the blend, with weights chosen on the other parts, and of the
        first member.
    """

    params: ModelParams
    members: tuple[ModelParams, ...]
    weights: tuple[float, ...]
    scores: tuple[float, ...]
    alone: tuple[float, ...]

    @property
    def score(self) -> float:
        """Mean nested score."""
        return float(np.mean(self.scores))

    @property
    def alone_score(self) -> float:
        """Mean score of the best member alone."""
        return float(np.mean(self.alone))

    @property
    def better(self) -> bool:
        """Whether it is a blend, and its nested score beats that of its best member."""
        return self.params.head == "blend" and self.score > self.alone_score


def distinct(ranked: Sequence[ModelParams], count: int) -> list[ModelParams]:
    """The first ``count`` that differ, of which those of another kind come first.

    Models of one head, representation and encoder err alike, so the best of each kind go before the
    second best of any.
    """
    kinds: dict[tuple[str, str, str], ModelParams] = {}
    for one in ranked:
        kinds.setdefault((one.head, one.representation, one.encoder if one.encoders else ""), one)
    return list(dict.fromkeys([*kinds.values(), *ranked]))[:count]


def search(validation: CrossValidation, members: Sequence[ModelParams]) -> Blended:
    """Choose the weights of a blend on out-of-fold outputs, and judge it on folds that did not choose them.

    With a single fold its scored rows are halved by user, and each half is judged by the other's weights.

    Parameters
    ----------
    members
        Two models or more, the best alone first.
    """
    parts = _parts(validation)
    outputs = [[validation.outputs(fold, one)[rows] for fold, rows in parts] for one in members]
    labels = [validation.labels(fold)[rows] for fold, rows in parts]

    def score(part: int, values: np.ndarray) -> float:
        return primary_score(validation.target(parts[part][0]), labels[part], values)

    weights = blend.choose_on(outputs, range(len(parts)), score)
    return Blended(
        params=blend.blended(members, weights),
        members=tuple(members),
        weights=tuple(float(weight) for weight in weights),
        scores=tuple(blend.nested_scores(outputs, score)),
        alone=tuple(score(part, outputs[0][part]) for part in range(len(parts))),
    )


def _parts(validation: CrossValidation) -> list[tuple[int, np.ndarray]]:
    """Fold number and positions among the fold's scored rows of each part."""
    sizes = [len(scored) for _, scored in validation.folds]
    if len(sizes) > 1:
        return [(fold, np.arange(size)) for fold, size in enumerate(sizes)]
    users = validation.table.frame[USER].iloc[validation.folds[0][1]].to_numpy()
    names = np.unique(users)
    first = np.random.default_rng(validation.seed).permutation(names)[: len(names) // HALVES]
    within = np.isin(users, first)
    return [(0, np.flatnonzero(within)), (0, np.flatnonzero(~within))]
