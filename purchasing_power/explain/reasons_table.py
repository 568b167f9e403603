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
    rows = reasons(model, frame, explanation, most, language, words)
    columns: dict[str, object] = {"base_score": explanation.base}
    for position in range(most):
        columns[f"reason_{position + 1}"] = [row[position].sentence(language) for row in rows]
        columns[f"reason_{position + 1}_part"] = [row[position].part for row in rows]
    parts = np.asarray([[reason.part for reason in row] for row in rows], np.float64).reshape(len(rows), -1)
    columns["other_reasons"] = explanation.parts.to_numpy().sum(axis=1) - parts.sum(axis=1)
    return pd.DataFrame(columns, index=frame.index)


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
