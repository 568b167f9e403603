"""What the texts add to a score, attributed back to the words and the documents in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from tqdm import tqdm

from purchasing_power.explain.explanation import Explanation
from purchasing_power.explain.heads import parts_of
from purchasing_power.explain.texts import Texts, foremost, holding, with_documents, without_word
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.model.scorer import Scorer
from purchasing_power.model.table_scorer import TableScorer
from purchasing_power.snapshot.user_table import DOCUMENTS
from purchasing_power.text.bag import bag

MOST_WORDS = 12
MOST_DOCUMENTS, MOST_PLACES = 16, 3
# With few texts a word is taken out of them; with many, the texts that have it are left out, which needs no
# new vector.
FEW_TEXTS = 3
ROWS_AT_ONCE = 2_000
OTHER = ""
BLOCK = "tfidf"


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
    exact = _linear_terms(model, frame, explanation, texts, rows)
    if exact is not None:
        return exact
    words = {row: foremost(texts, row, most) for row in rows.tolist()}
    variants = [(row, texts.words[word], _without(texts, row, [word])) for row in words for word in words[row]]
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


def named_words(words: pd.DataFrame, explanation: Explanation, most: int) -> dict[int, list[str]]:
    """By row, the words of the largest parts in the direction of the documents' part, largest first."""
    totals = explanation.parts[DOCUMENTS].to_numpy()
    known = words[words["term"] != OTHER]
    pull = known["part"].to_numpy() * np.sign(totals[known["row"].to_numpy(np.int64)])
    ranked = known.assign(pull=pull)[pull > 0].sort_values(["row", "pull"], ascending=[True, False], kind="stable")
    return {int(str(row)): part["term"].head(most).tolist() for row, part in ranked.groupby("row")}


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


def _linear_terms(
    model: PurchasingModel, frame: pd.DataFrame, explanation: Explanation, texts: Texts, rows: np.ndarray
) -> pd.DataFrame | None:
    """Shares of words and word sequences, or ``None`` where some text does not enter linearly.

    A margin is linear in TF-IDF weights, also after SVD, so a term's effect is its weight times a coefficient.
    What remains to the part of the documents is the mean row's texts, which is taken from the terms in
    proportion to their weights.
    """
    scorers = [one.scorer for one in parts_of(model)]
    if not all(_is_linear(one) for one in scorers):
        return None
    chosen = frame.iloc[rows]
    terms: dict[str, Any] = {}
    start = 0
    for scorer, width in zip(scorers, explanation.widths, strict=True):
        slopes = explanation.slopes[rows, start : start + width]
        start += width
        assert isinstance(scorer, TableScorer)
        if BLOCK in scorer.params.text_blocks:
            _add(terms, scorer, chosen, slopes)
    if not terms:
        return None
    return _shares(terms, texts, rows, explanation.parts[DOCUMENTS].to_numpy()[rows])


def _is_linear(scorer: Scorer) -> bool:
    if not isinstance(scorer, TableScorer):
        return False
    return not scorer.params.text_blocks or (scorer.head.linear and scorer.params.text_blocks == (BLOCK,))


def _add(terms: dict[str, Any], scorer: TableScorer, frame: pd.DataFrame, slopes: np.ndarray) -> None:
    """Add a scorer's effects and weights, sparse (n_rows, n_terms), to those of the scorers before it."""
    block: Any = scorer.features.named_transformers_[BLOCK]
    text = block[0] if hasattr(block, "steps") else block
    vocabulary = text.vocabulary_
    if not vocabulary:
        return
    documents = bag(frame[DOCUMENTS])
    weights = text.tfidf_.transform(text.counts(documents)).tocsr()
    effects = sum(
        sparse.diags(slopes[:, at]) @ weights @ sparse.diags(coefficients)
        for at, coefficients in enumerate(_coefficients(scorer, block, text))
    )
    for name, values in (("effects", effects), ("weights", weights)):
        terms.setdefault(name, []).append(sparse.csr_matrix(values))
    terms.setdefault("names", []).append(list(vocabulary))


def _coefficients(scorer: TableScorer, block: Any, text: Any) -> np.ndarray:
    """Change of each margin per unit of a term's weight, shape (n_margins, n_terms)."""
    span = scorer.features.output_indices_[BLOCK]
    columns = np.atleast_2d(scorer.fitted.coef_)[:, span]
    scale = getattr(block[-1], "scale_", None) if hasattr(block, "steps") else None
    columns = columns if scale is None else columns / scale
    return columns if text.svd_ is None else columns @ text.svd_.components_


def _shares(terms: dict[str, Any], texts: Texts, rows: np.ndarray, totals: np.ndarray) -> pd.DataFrame:
    names, places = np.unique(np.concatenate([np.asarray(one) for one in terms["names"]]), return_inverse=True)
    merge = sparse.csr_matrix((np.ones(len(places)), (np.arange(len(places)), places)))
    effects = (sparse.hstack(terms["effects"]) @ merge).tocsr()
    weights = (sparse.hstack(terms["weights"]) @ merge).tocsr()
    rest = totals - np.asarray(effects.sum(axis=1)).ravel()
    total_weight = np.asarray(weights.sum(axis=1)).ravel()
    owner = np.repeat(np.arange(len(rows)), np.diff(weights.indptr))
    parts = (
        np.asarray(effects[owner, weights.indices]).ravel()
        + weights.data * (rest / np.where(total_weight > 0, total_weight, 1))[owner]
    )
    table = pd.DataFrame({"row": rows[owner], "term": names[weights.indices], "part": parts})
    named = set(texts.words)
    hidden = ~table["term"].map(lambda term: all(word in named for word in term.split(" ")))
    table.loc[hidden, "term"] = ""
    silent = pd.DataFrame({"row": rows[total_weight == 0], "term": "", "part": totals[total_weight == 0]})
    summed = pd.concat([table, silent]).groupby(["row", "term"])[["part"]].sum()
    return summed.reset_index()
