"""The explanation of one user's score: its reasons, and what each word and text adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from purchasing_power.explain.explanation import explain
from purchasing_power.explain.reasons import MOST_NAMED, Reason, reasons
from purchasing_power.explain.texts import of_row, read_texts
from purchasing_power.explain.words import document_parts, named_words, word_parts
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.snapshot.user_table import DOCUMENTS

NO_PARTS = pd.DataFrame({"term": [], "part": []})


@dataclass(frozen=True)
class UserExplanation:
    """One user's score taken apart: ``base``, the reasons and ``others`` sum to ``score``.

    Attributes
    ----------
    others
        What all columns that are no reason add together.
    words, documents
        What each word, and each text by its places (newest first, from 1), adds; the empty name is all others.
    count
        Texts the user has.
    """

    score: float
    base: float
    reasons: Sequence[Reason]
    others: float
    words: pd.DataFrame
    documents: pd.DataFrame
    count: int


def explain_user(
    model: PurchasingModel,
    frame: pd.DataFrame,
    row: int,
    most: int,
    language: str,
    seed: int = 0,
    progress: bool = False,
) -> UserExplanation:
    """Explain the score of one row of a user table, with the words that several of its rows share."""
    one = frame.iloc[[row]].reset_index(drop=True)
    explanation = explain(model, one, seed, progress)
    words, documents, count = NO_PARTS, NO_PARTS, 0
    if DOCUMENTS in one and explanation.parts[DOCUMENTS].iloc[0] != 0:
        texts = of_row(read_texts(frame[DOCUMENTS]), row)
        count = len(texts.codes[0])
        if count:
            words = word_parts(model, one, explanation, texts, np.asarray([0]), progress=progress)
            documents = document_parts(model, one, explanation, texts, 0)
    named = named_words(words, explanation, MOST_NAMED) if len(words) else {}
    strongest = reasons(model, one, explanation, most, language, named)[0]
    return UserExplanation(
        score=float(explanation.score[0]),
        base=float(explanation.base[0]),
        reasons=strongest,
        others=float(explanation.parts.to_numpy().sum() - sum(reason.part for reason in strongest)),
        words=words[["term", "part"]],
        documents=documents,
        count=count,
    )
