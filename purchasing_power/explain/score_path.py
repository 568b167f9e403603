"""From margins to the score: what each part of a margin adds to the probability or amount that people read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from purchasing_power.model.calibration import calibrated
from purchasing_power.model.heads import blend
from purchasing_power.model.purchasing_model import PurchasingModel

Score = Callable[[np.ndarray], np.ndarray]
SEGMENTS = 16
STEP = 1e-5
TINY = 1e-9


@dataclass(frozen=True)
class Margins:
    """What each user-table column adds to one scorer's margins: ``base + parts.sum(axis=1)`` is the margin.

    Attributes
    ----------
    parts
        Shape (n_rows, n_columns, n_margins); one margin for two classes and a regression, else one per class.
    base
        Margins of the reference row, shape (n_margins,).
    link
        Raw scores of margins, shape (n_rows, n_margins); ``None`` where they are the same.
    """

    parts: np.ndarray
    base: np.ndarray
    link: Callable[[np.ndarray], np.ndarray] | None = None


@dataclass(frozen=True)
class ScoreParts:
    """What each user-table column adds to the score.

    Attributes
    ----------
    parts
        Shape (n_rows, n_columns); with ``base`` they sum to the score.
    base
        Score of the reference, shape (n_rows,): rows differ only where no class is positive and each row's
        score is its likeliest class's probability.
    slopes
        What a unit of each margin is worth in the score, shape (n_rows, margins of all members).
    classes
        Code of the class whose probability the score is, shape (n_rows,); ``None`` for a regression.
    """

    parts: np.ndarray
    base: np.ndarray
    slopes: np.ndarray
    classes: np.ndarray | None


def score_parts(model: PurchasingModel, margins: Sequence[Margins], weights: Sequence[float]) -> ScoreParts:
    """Bring parts of margins to the scale of the score.

    Calibration and the mean of a blend are curves, so a margin's part is worth the mean slope of the score on
    the straight way from the reference to the row, which shares the difference out without a rest.

    Parameters
    ----------
    margins, weights
        Of each member of a blend, or of the one scorer.

    Source: Aumann & Shapley (1974), Values of non-atomic games; Sundararajan, Taly & Yan (2017), Axiomatic
    attribution for deep networks, ICML.
    """
    rows = len(margins[0].parts)
    base = np.tile(np.concatenate([one.base for one in margins]), (rows, 1))
    parts = np.concatenate([one.parts for one in margins], axis=2)
    way = parts.sum(axis=1)
    widths = [len(one.base) for one in margins]
    links = [one.link for one in margins]

    def outputs(values: np.ndarray) -> np.ndarray:
        return outputs_of(model, _raws(values, widths, links), weights)

    classes = None
    if model.target.positive is not None:
        classes = np.full(rows, model.target.positive)
    elif model.target.task != "regression":
        classes = outputs(base + way).argmax(axis=1)

    def score(values: np.ndarray) -> np.ndarray:
        found = outputs(values)
        return found if classes is None else found[np.arange(rows), classes]

    slopes = _mean_slopes(score, base, way)
    return ScoreParts(np.einsum("rcm,rm->rc", parts, slopes), score(base), slopes, classes)


def _mean_slopes(score: Score, base: np.ndarray, way: np.ndarray) -> np.ndarray:
    """Mean slope along the way, shape (n_rows, n_margins); ``(slopes * way).sum(1)`` is the score's change.

    A margin's slope over a segment is that between its ends, so that a jump falls to the margin that makes it,
    and each segment's slopes are scaled to give its own change exactly.
    """
    total = np.zeros_like(way)
    piece = way / SEGMENTS
    before = score(base)
    for start in range(SEGMENTS):
        after = score(base + (start + 1) * piece)
        slopes = _slopes(score, base + (start + 0.5) * piece, piece)
        total += _exact(slopes, piece, after - before) / SEGMENTS
        before = after
    return total


def _slopes(score: Score, middle: np.ndarray, piece: np.ndarray) -> np.ndarray:
    """Slope of each margin alone over a piece of the way, or over a small step where the piece is smaller."""
    slopes = np.empty_like(middle)
    for at in range(middle.shape[1]):
        half = np.zeros_like(middle)
        size = np.maximum(np.abs(piece[:, at]), STEP * (1 + np.abs(middle[:, at])))
        half[:, at] = size / 2
        slopes[:, at] = (score(middle + half) - score(middle - half)) / size
    return slopes


def _exact(slopes: np.ndarray, way: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Slopes whose products with the way sum to the change; the rest goes where most has changed."""
    shares = slopes * way
    rest = change - shares.sum(axis=1)
    size = np.abs(shares).sum(axis=1)
    length = np.abs(way).sum(axis=1)
    scaled = slopes * (1 + np.sign(shares) * (rest / np.maximum(size, TINY))[:, None])
    moved = slopes + np.sign(way) * (rest / np.maximum(length, TINY))[:, None]
    return np.where((size > TINY)[:, None], scaled, np.where((length > TINY)[:, None], moved, slopes))


def _raws(values: np.ndarray, widths: Sequence[int], links: Sequence[Score | None]) -> list[np.ndarray]:
    """Raw scores of each member from concatenated margins."""
    raws = []
    for one, link in zip(np.split(values, np.cumsum(widths)[:-1], axis=1), links, strict=True):
        raw = one if link is None else link(one)
        raws.append(raw[:, 0] if raw.shape[1] == 1 else raw)
    return raws


def outputs_of(model: PurchasingModel, raws: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """Calibrated probabilities or amounts of the members' raw scores, as the model itself makes them."""
    task, raw = model.target.task, raws[0]
    if len(raws) > 1:
        raw = blend.as_raw(blend.mean([calibrated(None, one, task) for one in raws], weights), task)
    found = calibrated(model.calibrator, raw, task)
    return np.maximum(found, 0.0) if model.target.name == "spend" else found
