"""The blend of a study's best models: its members, their weights, and whether it beats the best alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from purchasing_power.evaluation.cross_validation import CrossValidation
from purchasing_power.evaluation.target_metrics import primary_score
from purchasing_power.model.heads.blend import Blend, mean
from purchasing_power.model.params import Member, ModelParams
from purchasing_power.snapshot.user_table import USER

HALVES = 2
ROUNDS = 20


@dataclass(frozen=True)
class Blended:
    """A blend and its scores.

    Attributes
    ----------
    params
        The blend with weights chosen on all parts; a single model where one has all the weight.
    members, weights
        The candidates, best alone first, and the weight of each.
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
        return bool(self.params.members) and self.score > self.alone_score


def distinct(ranked: Sequence[ModelParams], count: int) -> list[ModelParams]:
    """The first ``count`` that differ, of which those of another kind come first.

    Models of one head, representation and encoder err alike, so the best of each kind go before the
    second best of any.
    """
    kinds: dict[tuple[str, str, str], ModelParams] = {}
    for one in ranked:
        kinds.setdefault((one.head.name, one.representation, one.encoder if one.encoders else ""), one)
    return list(dict.fromkeys([*kinds.values(), *ranked]))[:count]


def search(validation: CrossValidation, members: Sequence[ModelParams]) -> Blended:
    """Choose the weights of a blend on out-of-fold outputs, and score it on folds that did not choose them.

    With a single fold its scored rows are halved by user, and each half is scored with the other's weights.

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

    weights = choose_on(outputs, range(len(parts)), score)
    return Blended(
        params=blended(members, weights),
        members=tuple(members),
        weights=tuple(float(weight) for weight in weights),
        scores=tuple(nested_scores(outputs, score)),
        alone=tuple(score(part, outputs[0][part]) for part in range(len(parts))),
    )


def choose(candidates: Sequence[np.ndarray], score: Callable[[np.ndarray], float], rounds: int = ROUNDS) -> np.ndarray:
    """Weights of the candidates, by greedy forward selection with replacement; zeros for those left out.

    Each round adds the candidate whose addition gives the best score of the mean so far, and the weights
    of the best round are kept, so no weight is negative and few candidates remain.

    Parameters
    ----------
    candidates
        Outputs of each model on the same rows, which it was not fitted on.
    score
        Figure of mean outputs on those rows; higher is better.

    Source: Caruana, Niculescu-Mizil, Crew & Ksikes (2004), Ensemble selection from libraries of models, ICML.
    """
    counts = np.zeros(len(candidates))
    total = np.zeros_like(candidates[0], dtype=np.float64)
    best, best_counts = -np.inf, counts
    for _ in range(rounds):
        drawn = counts.sum() + 1
        scores = [score((total + candidate) / drawn) for candidate in candidates]
        chosen = int(np.argmax(scores))
        counts[chosen] += 1
        total = total + candidates[chosen]
        if scores[chosen] > best:
            best, best_counts = scores[chosen], counts.copy()
    return best_counts / best_counts.sum()


def choose_on(
    candidates: Sequence[Sequence[np.ndarray]], parts: Sequence[int], score: Callable[[int, np.ndarray], float]
) -> np.ndarray:
    """Weights that :func:`choose` gives for the mean score over some parts of the rows.

    Parameters
    ----------
    candidates
        Outputs of each model on each part, such as the scored rows of a fold.
    parts
        Numbers of the parts to look at.
    score
        Figure of outputs on the part of that number; higher is better, NaN where it is not defined.
    """
    joined = [np.concatenate([each[part] for part in parts]) for each in candidates]
    ends = np.cumsum([len(candidates[0][part]) for part in parts])[:-1]

    def over_parts(values: np.ndarray) -> float:
        scores = [score(part, piece) for part, piece in zip(parts, np.split(values, ends), strict=True)]
        defined = [one for one in scores if np.isfinite(one)]
        return float(np.mean(defined)) if defined else -np.inf

    return choose(joined, over_parts)


def nested_scores(candidates: Sequence[Sequence[np.ndarray]], score: Callable[[int, np.ndarray], float]) -> list[float]:
    """Score of a blend on each part of the rows, with weights that the other parts alone have chosen.

    Parameters as in :func:`choose_on`; there must be two parts or more.
    """
    parts = range(len(candidates[0]))
    results = []
    for held_out in parts:
        weights = choose_on(candidates, [part for part in parts if part != held_out], score)
        results.append(score(held_out, mean([each[held_out] for each in candidates], weights)))
    return results


def blended(members: Sequence[ModelParams], weights: np.ndarray) -> ModelParams:
    """Parameters of the blend of the members whose weight is above 0; a single one stays itself."""
    chosen = [Member(float(weight), one) for one, weight in zip(members, weights, strict=True) if weight > 0]
    if len(chosen) == 1:
        return chosen[0].params
    return ModelParams(Blend(), representation="none", members=tuple(chosen))


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
