"""What a model looks at: columns by size, and the categories and words that raise or lower the score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from purchasing_power.evaluation.evaluation import Driver, Effect
from purchasing_power.explain.explanation import Explanation, explain
from purchasing_power.explain.texts import read_texts
from purchasing_power.explain.words import OTHER, word_parts
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.snapshot.user_table import DOCUMENTS

LEVEL = 0.95
REPLICATES = 200
# Fewer rows could point at a person, and their mean says little.
EFFECT_ROWS = 10
MOST_ROWS, TEXT_ROWS = 2_000, 500
DEVIATIONS = 1.96


@dataclass(frozen=True)
class ModelExplanation:
    """What a model looks at, on a sample of rows.

    Attributes
    ----------
    drivers
        Columns by mean absolute part of the score, largest first.
    categories, words
        Categories and words by their mean part of the score, from the one that raises it most to the one that
        lowers it most.
    directions
        By numeric column, the mean part of rows above its median minus that of the other rows.
    """

    drivers: tuple[Driver, ...]
    categories: tuple[Effect, ...]
    words: tuple[Effect, ...]
    directions: dict[str, float]


def explain_model(
    model: PurchasingModel, frame: pd.DataFrame, seed: int = 0, progress: bool = False
) -> ModelExplanation:
    """Explain a model by the parts of the scores of at most ``MOST_ROWS`` random rows of a user table."""
    sample = sampled(frame, seed)
    explanation = explain(model, sample, seed, progress)
    words: tuple[Effect, ...] = ()
    if DOCUMENTS in sample and np.any(explanation.parts[DOCUMENTS]):
        chosen = np.arange(min(len(sample), TEXT_ROWS))
        texts = read_texts(sample[DOCUMENTS], shared=EFFECT_ROWS)
        words = _effects(word_parts(model, sample, explanation, texts, chosen, progress=progress))
    return ModelExplanation(
        drivers=drivers(model, explanation, seed=seed),
        categories=_categories(model, sample, explanation),
        words=words,
        directions=_directions(model, sample, explanation),
    )


def sampled(frame: pd.DataFrame, seed: int, most: int = MOST_ROWS) -> pd.DataFrame:
    """At most ``most`` rows of a frame in random order."""
    chosen = np.random.default_rng(seed).permutation(len(frame))[:most]
    return frame.iloc[chosen].reset_index(drop=True)


def drivers(
    model: PurchasingModel, explanation: Explanation, replicates: int = REPLICATES, seed: int = 0
) -> tuple[Driver, ...]:
    """Columns by mean absolute part of the score, largest first, with bootstrap intervals."""
    values = explanation.parts.abs().to_numpy(np.float64)
    rows = len(values)
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(rows, np.full(rows, 1 / rows), size=replicates) / rows
    low, high = np.quantile(weights @ values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    mean, meanings = values.mean(axis=0), {**model.meta.meanings, DOCUMENTS: "Texts bought or written."}
    found = [
        Driver(str(name), float(mean[at]), float(low[at]), float(high[at]), meanings.get(str(name), ""))
        for at, name in enumerate(explanation.parts.columns)
        if mean[at] > 0
    ]
    return tuple(sorted(found, key=lambda driver: -driver.importance))


def _categories(model: PurchasingModel, frame: pd.DataFrame, explanation: Explanation) -> tuple[Effect, ...]:
    prepared = model.prepared(frame)
    tables = [
        pd.DataFrame(
            {
                "term": [f"{name} = {value}" for value in prepared[name].fillna("(missing)")],
                "part": explanation.parts[name].to_numpy(),
            }
        )
        for name in model.meta.categorical
    ]
    return _effects(pd.concat(tables)) if tables else ()


def _effects(table: pd.DataFrame) -> tuple[Effect, ...]:
    grouped = table[table["term"] != OTHER].groupby("term")["part"].agg(["mean", "std", "size"])
    kept = grouped[(grouped["size"] >= EFFECT_ROWS) & (grouped["mean"] != 0)]
    kept = kept.sort_values("mean", ascending=False, kind="stable")
    wide = DEVIATIONS * kept["std"] / np.sqrt(kept["size"])
    return tuple(
        Effect(str(term), float(mean), float(mean - half), float(mean + half), int(size))
        for term, mean, size, half in zip(kept.index, kept["mean"], kept["size"], wide, strict=True)
    )


def _directions(model: PurchasingModel, frame: pd.DataFrame, explanation: Explanation) -> dict[str, float]:
    prepared, found = model.prepared(frame), {}
    for name in model.meta.numeric:
        values, parts = prepared[name].to_numpy(np.float64), explanation.parts[name].to_numpy()
        above = values > np.nanmedian(values) if np.isfinite(values).any() else np.zeros(len(values), bool)
        if 0 < above.sum() < len(values):
            found[name] = float(parts[above].mean() - parts[~above].mean())
    return found
