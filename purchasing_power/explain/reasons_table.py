"""Reasons for many scores as columns that add up."""

from __future__ import annotations

import numpy as np
import pandas as pd

from purchasing_power.explain.explanation import Explanation, explain
from purchasing_power.explain.reasons import MOST_NAMED, reasons, strongest
from purchasing_power.explain.texts import read_texts
from purchasing_power.explain.words import named_words, word_parts
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.snapshot.user_table import DOCUMENTS


def reason_columns(
    model: PurchasingModel,
    frame: pd.DataFrame,
    most: int,
    language: str,
    seed: int = 0,
    progress: bool = False,
) -> pd.DataFrame:
    """The strongest reasons of each row, in words and numbers.

    Returns
    -------
    pd.DataFrame
        ``base_score`` (the score compared with), ``reason_1`` (words), ``reason_1_part`` (what it adds to the
        score), and so on, and ``other_reasons`` (what all other columns add): the numbers of a row sum to its
        score.
    """
    explanation = explain(model, frame, seed, progress)
    most = min(most, explanation.parts.shape[1])
    words = words_to_name(model, frame, explanation, most, progress)
    said = reasons(model, frame, explanation, most, language, words)
    found: dict[str, object] = {"base_score": explanation.base}
    for place in range(most):
        found[f"reason_{place + 1}"] = [row[place].sentence(language) for row in said]
        found[f"reason_{place + 1}_part"] = [row[place].part for row in said]
    told = np.asarray([[reason.part for reason in row] for row in said], np.float64).reshape(len(said), -1)
    found["other_reasons"] = explanation.parts.to_numpy().sum(axis=1) - told.sum(axis=1)
    return pd.DataFrame(found, index=frame.index)


def words_to_name(
    model: PurchasingModel, frame: pd.DataFrame, explanation: Explanation, most: int, progress: bool = False
) -> dict[int, list[str]]:
    """By row position, the strongest words of the rows whose texts are among their ``most`` strongest reasons."""
    at = list(explanation.parts.columns).index(DOCUMENTS)
    parts = explanation.parts[DOCUMENTS].to_numpy()
    rows = np.flatnonzero((strongest(explanation, most) == at).any(axis=1) & (parts != 0))
    if DOCUMENTS not in frame or not len(rows):
        return {}
    texts = read_texts(frame[DOCUMENTS])
    table = word_parts(model, frame, explanation, texts, rows, progress=progress)
    return named_words(table, explanation, MOST_NAMED)
