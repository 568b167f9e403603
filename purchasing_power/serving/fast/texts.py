"""Text blocks of a few rows: what a text adds is remembered, so that a request looks it up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from purchasing_power.errors import DataError
from purchasing_power.serving.rows import Rows
from purchasing_power.text import terms
from purchasing_power.text.encoder import Encoder
from purchasing_power.text.projection import project, projection
from purchasing_power.text.store import VectorStore, digest, vectors
from purchasing_power.text.weighting import known_rarity

# What a block remembers of distinct texts, bytes; a text and its place take about 400 beside its array.
MOST_BYTES, OF_A_TEXT = 20_000_000, 400
# Longer texts are known by their digest.
LONGEST_TEXT = 150


def rows_of(one: Callable[[Any], np.ndarray], rows: Sequence[Any] | np.ndarray) -> np.ndarray:
    """What a function gives for each row, below each other; a single row, the usual request, is not copied."""
    return one(rows[0])[None] if len(rows) == 1 else np.stack([one(row) for row in rows])


class Remembered:
    """What was made of each text before; all is forgotten where there would be too much.

    Parameters
    ----------
    make
        Gives an array for each of some distinct texts.
    """

    def __init__(self, make: Callable[[list[str]], list[np.ndarray]]) -> None:
        self.make = make
        self.known: dict[str | bytes, np.ndarray] = {}
        self.size = 0

    def get(self, texts: list[str]) -> list[np.ndarray]:
        """An array for each text, made where it is not known."""
        known, keys = self.known, [_key(text) for text in texts]
        found = [known.get(key) for key in keys]
        new = [text for text, array in zip(texts, found, strict=True) if array is None]
        if not new:
            return found  # type: ignore[return-value]
        made = dict(zip(map(_key, new), self.make(new), strict=True))
        size = sum(array.nbytes + OF_A_TEXT for array in made.values())
        if self.size + size > MOST_BYTES:
            # Another thread may read the old one meanwhile.
            self.known = known = {}
            self.size = 0
        known.update(made)
        self.size += size
        return [made[key] if array is None else array for key, array in zip(keys, found, strict=True)]


def _key(text: str) -> str | bytes:
    return text if len(text) <= LONGEST_TEXT else digest(text)


def encoded(block: Any) -> Callable[[Rows], np.ndarray]:
    """Weighted mean vectors of a fitted ``EncodedDocuments``, reduced; shape (n_rows, n_columns).

    The reduction is linear, so each text's vector is reduced once, and a row sums what its texts gave.
    """
    encoder = Encoder.open(block.encoder)
    if encoder.store_key != block.store_key_:
        raise DataError(
            f"encoder {block.encoder}: got {encoder.store_key}; the model was fitted with {block.store_key_}. "
            "The bundle is damaged: log the model again."
        )
    warm = None if block.warm_store is None else VectorStore(block.warm_store)
    # A bundle has no store of its own to write to: what a new text added is remembered here, reduced.
    store = None if block.store is None else VectorStore(block.store)
    width, centre, project = _projection(block)
    texts = Remembered(lambda new: list(project(vectors(encoder, new, store, warm=warm))))

    def one(documents: list[str]) -> np.ndarray:
        distinct, weights = _weights(block, documents)
        total = weights.sum()
        if not total > 0:
            return np.zeros(width, np.float32)
        mean = (weights @ np.stack(texts.get(distinct))) / total
        return (mean - centre).astype(np.float32)

    return lambda rows: rows_of(one, rows.documents)


def tfidf(block: Any) -> Callable[[Rows], np.ndarray]:
    """Sublinear TF-IDF of a fitted ``TfidfDocuments``, after SVD; shape (n_rows, n_columns)."""
    known, components = terms.columns(block.terms_), block.svd_.components_
    rarity, all_words = block.tfidf_.idf_, block.stop_words == "keep"

    def columns(text: str) -> np.ndarray:
        found = (known.get(term) for term in terms.terms(text, block.ngram_max, all_words))
        return np.array([place for place in found if place is not None], np.int64)

    texts = Remembered(lambda new: [columns(text) for text in new])

    def one(documents: list[str]) -> np.ndarray:
        places, counts = np.unique(np.concatenate([*texts.get(documents), _NONE]), return_counts=True)
        weights = (1.0 + np.log(counts)) * rarity[places]
        length = np.sqrt(weights @ weights)
        return (components[:, places] @ (weights / (length or 1.0))).astype(np.float32)

    return lambda rows: rows_of(one, rows.documents)


_NONE = np.zeros(0, np.int64)


def _weights(block: Any, documents: list[str]) -> tuple[list[str], np.ndarray]:
    """Distinct texts and their weights, as :func:`~purchasing_power.text.weighting.document_weights` gives them."""
    totals: dict[str, float] = dict.fromkeys(sorted(set(documents)), 0.0)
    for place, text in enumerate(documents):
        totals[text] += 1 / (1 + place) if block.weighting == "recency" else 1.0
    distinct, weights = list(totals), np.array(list(totals.values()))
    if block.weighting in ("log_count", "idf"):
        weights = np.log1p(weights)
    if block.weighting == "idf" and distinct:
        weights *= known_rarity(distinct, block.digests_, block.rarity_)
    return distinct, weights


def _projection(
    block: Any,
) -> tuple[int, np.ndarray | float, Callable[[np.ndarray], np.ndarray]]:
    """Columns, the centre to take off a mean, and what reduces vectors, shape (n, dimension), without centring them."""
    if block.components is None:
        return block.dimension_, 0.0, lambda vectors: vectors
    if block.pca_ is None:
        return 1, 0.0, lambda vectors: np.zeros((len(vectors), 1))
    matrix, centre = projection(block.pca_)
    return matrix.shape[1], centre, lambda vectors: project(vectors, matrix)
