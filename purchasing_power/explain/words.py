"""What the texts add to a score, attributed back to the words and the documents in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from tqdm import tqdm

from purchasing_power.explain.explanation import Explanation
from purchasing_power.explain.linear_terms import linear_terms
from purchasing_power.explain.texts import Texts, foremost, holding, with_documents, without_word
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.snapshot.user_table import DOCUMENTS

MOST_WORDS = 12
MOST_DOCUMENTS, MOST_PLACES = 16, 3
# With few texts a word is taken out of them; with many, the texts that have it are left out, which needs no
# new vector.
FEW_TEXTS = 3
ROWS_AT_ONCE = 2_000
OTHER = ""


def word_parts(
    model: PurchasingModel,
    frame: pd.DataFrame,
    explanation: Explanation,
    texts: Texts,
    rows: np.ndarray,
    most: int = MOST_WORDS,
    progress: bool = False,
) -> pd.DataFrame:
    """What each word adds to the score; a row's words sum to the part of its documents.

    Where every text enters through TF-IDF into linear heads, a word's part is its exact share. Elsewhere it is
    the change of the score when the word is left out, together with the change for all other words, shared out
    so that the sum is the documents' part.

    Parameters
    ----------
    frame, explanation, texts
        Rows of a user table, what ``explain`` gave for them, and their texts.
    rows
        Positions of the rows to attribute.
    most
        Most words of a row that are left out one by one.

    Returns
    -------
    pd.DataFrame
        ``row``, ``term`` (empty for all others) and ``part``.
    """
    exact = linear_terms(model, frame, explanation, texts, rows)
    if exact is not None:
        return exact
    words = {row: foremost(texts, row, most) for row in rows.tolist()}
    variants = [
        (row, texts.words[word], _without(texts, row, [word])) for row in words for word in words[row]
    ]
    variants += [(row, OTHER, _without_others(texts, row, words[row])) for row in words]
    return _shared_out(model, frame, explanation, variants, "words", progress)


def document_parts(
    model: PurchasingModel, frame: pd.DataFrame, explanation: Explanation, texts: Texts, row: int
) -> pd.DataFrame:
    """What each distinct document of a row adds to the score; they sum to the part of its documents.

    A document's part is the change of the score when it is left out, shared out as in :func:`word_parts`. The
    documents a row has most often are left out one by one, all others together.

    Returns
    -------
    pd.DataFrame
        ``term`` (its places among the row's documents, newest first, from 1; empty for all others) and ``part``.
    """
    codes = texts.codes[row]
    found, first, counts = np.unique(codes, return_index=True, return_counts=True)
    chosen = found[np.lexsort((first, -counts))[:MOST_DOCUMENTS]]
    variants = []
    for code in sorted(chosen, key=lambda one: int(first[found == one][0])):
        places = _places(np.flatnonzero(codes == code) + 1)
        variants.append((row, places, _texts_of(texts, codes[codes != code])))
    if len(chosen) < len(found):
        variants.append((row, OTHER, _texts_of(texts, codes[np.isin(codes, chosen)])))
    return _shared_out(model, frame, explanation, variants, "documents", False).drop(columns="row")


def spread(changes: np.ndarray, total: float) -> np.ndarray:
    """Changes moved to sum to ``total``: each by the same share of its size, or all alike where none has any."""
    size = np.abs(changes).sum()
    if size <= 1e-12:
        return np.full(len(changes), total / max(len(changes), 1))
    return changes + np.abs(changes) * (total - changes.sum()) / size


def _without(texts: Texts, row: int, words: Sequence[int]) -> list[str]:
    codes = texts.codes[row]
    if len(np.unique(codes)) > FEW_TEXTS:
        held = np.concatenate([holding(texts, word) for word in words])
        return _texts_of(texts, codes[~np.isin(codes, held)])
    found = _texts_of(texts, codes)
    for word in words:
        found = [without_word(text, texts.words[word]) for text in found]
    return found


def _without_others(texts: Texts, row: int, words: np.ndarray) -> list[str]:
    codes = texts.codes[row]
    if len(np.unique(codes)) > FEW_TEXTS:
        held = [holding(texts, word) for word in words]
        return _texts_of(texts, codes[np.isin(codes, np.concatenate(held))]) if held else []
    kept = [set(texts.words[word] for word in words if code in holding(texts, word)) for code in codes]
    return [" ".join(sorted(some)) for some in kept]


def _places(places: np.ndarray) -> str:
    shown = ", ".join(map(str, places[:MOST_PLACES]))
    return shown if len(places) <= MOST_PLACES else f"{shown}, … ({len(places)} ×)"


def _texts_of(texts: Texts, codes: np.ndarray) -> list[str]:
    return [texts.texts[code] for code in codes]


def _shared_out(
    model: PurchasingModel,
    frame: pd.DataFrame,
    explanation: Explanation,
    variants: list[tuple[int, str, list[str]]],
    what: str,
    progress: bool,
) -> pd.DataFrame:
    place = np.asarray([row for row, _, _ in variants], np.int64)
    scores = np.empty(len(variants))
    starts = range(0, len(variants), ROWS_AT_ONCE)
    for start in tqdm(starts, desc=f"explaining {what}", unit="part", disable=not progress):
        span = slice(start, start + ROWS_AT_ONCE)
        changed = with_documents(frame, place[span], [documents for _, _, documents in variants[span]])
        outputs = model.outputs(changed)
        classes = explanation.classes
        scores[span] = outputs if classes is None else outputs[np.arange(len(changed)), classes[place[span]]]
    found = pd.DataFrame({"row": place, "term": [term for _, term, _ in variants]})
    found["part"] = explanation.score[place] - scores
    totals = explanation.parts[DOCUMENTS].to_numpy()
    for row, places in found.groupby("row").indices.items():
        found.loc[places, "part"] = spread(found["part"].to_numpy()[places], totals[int(str(row))])
    return found


def named_words(words: pd.DataFrame, explanation: Explanation, most: int) -> dict[int, list[str]]:
    """By row, the words of the largest parts in the direction of the documents' part, largest first."""
    totals = explanation.parts[DOCUMENTS].to_numpy()
    known = words[words["term"] != OTHER]
    pull = known["part"].to_numpy() * np.sign(totals[known["row"].to_numpy(np.int64)])
    ranked = known.assign(pull=pull)[pull > 0].sort_values(
        ["row", "pull"], ascending=[True, False], kind="stable"
    )
    return {int(str(row)): part["term"].head(most).tolist() for row, part in ranked.groupby("row")}
