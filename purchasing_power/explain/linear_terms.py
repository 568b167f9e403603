"""Exact shares of words where texts enter through TF-IDF into linear heads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from purchasing_power.explain.explanation import Explanation
from purchasing_power.explain.heads import parts_of
from purchasing_power.explain.texts import Texts
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.model.scorer import Scorer
from purchasing_power.model.table_scorer import TableScorer
from purchasing_power.snapshot.user_table import DOCUMENTS
from purchasing_power.text.bag import bag

BLOCK = "tfidf"


def linear_terms(
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
    found: dict[str, Any] = {}
    start = 0
    for scorer, width in zip(scorers, explanation.widths, strict=True):
        slopes = explanation.slopes[rows, start : start + width]
        start += width
        assert isinstance(scorer, TableScorer)
        if BLOCK in scorer.params.text_blocks:
            _add(found, scorer, chosen, slopes)
    if not found:
        return None
    return _shares(found, texts, rows, explanation.parts[DOCUMENTS].to_numpy()[rows])


def _is_linear(scorer: Scorer) -> bool:
    if not isinstance(scorer, TableScorer):
        return False
    return not scorer.params.text_blocks or (scorer.head.linear and scorer.params.text_blocks == (BLOCK,))


def _add(found: dict[str, Any], scorer: TableScorer, frame: pd.DataFrame, slopes: np.ndarray) -> None:
    """Add a scorer's effects and weights, sparse (n_rows, n_terms), to those found under the same terms."""
    block: Any = scorer.features.named_transformers_[BLOCK]
    text = block[0] if hasattr(block, "steps") else block
    known = text.vocabulary_
    if not known:
        return
    documents = bag(frame[DOCUMENTS])
    weights = text.tfidf_.transform(text.counts(documents)).tocsr()
    effects = sum(
        sparse.diags(slopes[:, at]) @ weights @ sparse.diags(coefficients)
        for at, coefficients in enumerate(_coefficients(scorer, block, text))
    )
    for name, values in (("effects", effects), ("weights", weights)):
        found.setdefault(name, []).append(sparse.csr_matrix(values))
    found.setdefault("terms", []).append(list(known))


def _coefficients(scorer: TableScorer, block: Any, text: Any) -> np.ndarray:
    """Change of each margin per unit of a term's weight, shape (n_margins, n_terms)."""
    span = scorer.features.output_indices_[BLOCK]
    columns = np.atleast_2d(scorer.fitted.coef_)[:, span]
    scale = getattr(block[-1], "scale_", None) if hasattr(block, "steps") else None
    columns = columns if scale is None else columns / scale
    return columns if text.svd_ is None else columns @ text.svd_.components_


def _shares(found: dict[str, Any], texts: Texts, rows: np.ndarray, totals: np.ndarray) -> pd.DataFrame:
    names, places = np.unique(
        np.concatenate([np.asarray(one) for one in found["terms"]]), return_inverse=True
    )
    merge = sparse.csr_matrix((np.ones(len(places)), (np.arange(len(places)), places)))
    effects = (sparse.hstack(found["effects"]) @ merge).tocsr()
    weights = (sparse.hstack(found["weights"]) @ merge).tocsr()
    rest = totals - np.asarray(effects.sum(axis=1)).ravel()
    whole = np.asarray(weights.sum(axis=1)).ravel()
    owner = np.repeat(np.arange(len(rows)), np.diff(weights.indptr))
    parts = (
        np.asarray(effects[owner, weights.indices]).ravel()
        + weights.data * (rest / np.where(whole > 0, whole, 1))[owner]
    )
    table = pd.DataFrame({"row": rows[owner], "term": names[weights.indices], "part": parts})
    named = set(texts.words)
    hidden = ~table["term"].map(lambda term: all(word in named for word in term.split(" ")))
    table.loc[hidden, "term"] = ""
    silent = pd.DataFrame({"row": rows[whole == 0], "term": "", "part": totals[whole == 0]})
    summed = pd.concat([table, silent]).groupby(["row", "term"])[["part"]].sum()
    return summed.reset_index()
