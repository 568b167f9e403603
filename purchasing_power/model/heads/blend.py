"""A blend: the weighted mean of what several models say, with weights chosen on rows that none of them saw."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from purchasing_power.model.bundle_files import BLEND, MEMBER
from purchasing_power.model.calibration import calibrated
from purchasing_power.model.params import Member, ModelParams
from purchasing_power.model.scorer import Fitting, Scorer, fit_scorer, load_scorer
from purchasing_power.snapshot.user_table import UserTableMeta

Curve = Callable[[str, float, int], None]
ROUNDS = 20
LEAST = 1e-9


@dataclass(frozen=True)
class BlendScorer:
    """Fitted members and their weights, which sum to 1."""

    scorers: tuple[Scorer, ...]
    weights: tuple[float, ...]
    task: str

    def raw(self, frame: pd.DataFrame) -> np.ndarray:
        """Log-odds (two classes) or logarithms of the mean probabilities, or the mean amount."""
        return as_raw(mean([outputs(one, frame, self.task) for one in self.scorers], self.weights), self.task)

    def save(self, folder: Path, warm_texts: list[str], store: str | None) -> None:
        """Write each member to a folder of its own; members that read the same encoder share it."""
        for number, scorer in enumerate(self.scorers):
            home = folder / MEMBER.format(number)
            home.mkdir()
            scorer.save(home, warm_texts, store)
        (folder / BLEND).write_text(json.dumps({"task": self.task}))


def fit(params: ModelParams, meta: UserTableMeta, fitting: Fitting) -> BlendScorer:
    """Fit every member on the same rows; the weights are those that ``params`` states."""
    scorers = tuple(
        fit_scorer(member.params, meta, replace(fitting, curve=_named(fitting.curve, number)))
        for number, member in enumerate(params.members)
    )
    return BlendScorer(scorers, _weights(params), fitting.task)


def load(folder: Path, params: ModelParams, meta: UserTableMeta) -> BlendScorer:
    """Load what :meth:`BlendScorer.save` wrote."""
    scorers = tuple(
        load_scorer(folder / MEMBER.format(number), member.params, meta)
        for number, member in enumerate(params.members)
    )
    return BlendScorer(scorers, _weights(params), json.loads((folder / BLEND).read_text())["task"])


def outputs(scorer: Scorer, frame: pd.DataFrame, task: str) -> np.ndarray:
    """Uncalibrated probabilities, shape (n_rows, classes), or amounts, shape (n_rows,)."""
    return calibrated(None, scorer.raw(frame), task)


def mean(parts: Sequence[np.ndarray], weights: Sequence[float] | np.ndarray) -> np.ndarray:
    """Weighted mean of the members' outputs."""
    return np.tensordot(np.asarray(weights) / np.sum(weights), np.stack(parts), axes=1)


def as_raw(values: np.ndarray, task: str) -> np.ndarray:
    """Outputs as raw scores: ``calibrated(None, as_raw(x, task), task)`` gives x again."""
    if task == "regression":
        return values
    logs = np.log(np.clip(values, LEAST, 1.0))
    return logs[:, 1] - logs[:, 0] if values.shape[1] == 2 else logs


def choose(
    candidates: Sequence[np.ndarray], score: Callable[[np.ndarray], float], rounds: int = ROUNDS
) -> np.ndarray:
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
    candidates: Sequence[Sequence[np.ndarray]],
    parts: Sequence[int],
    score: Callable[[int, np.ndarray], float],
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
        found = [score(part, piece) for part, piece in zip(parts, np.split(values, ends), strict=True)]
        defined = [one for one in found if np.isfinite(one)]
        return float(np.mean(defined)) if defined else -np.inf

    return choose(joined, over_parts)


def nested_scores(
    candidates: Sequence[Sequence[np.ndarray]], score: Callable[[int, np.ndarray], float]
) -> list[float]:
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
    kept = [Member(float(weight), one) for one, weight in zip(members, weights, strict=True) if weight > 0]
    if len(kept) == 1:
        return kept[0].params
    return ModelParams(representation="none", head="blend", members=tuple(kept))


def _named(curve: Curve | None, number: int) -> Curve | None:
    """The same curve under a member's own name: two networks would be drawn as one line."""
    if curve is None:
        return None
    return lambda name, value, step: curve(f"member_{number}.{name}", value, step)


def _weights(params: ModelParams) -> tuple[float, ...]:
    total = sum(member.weight for member in params.members)
    return tuple(member.weight / total for member in params.members)
