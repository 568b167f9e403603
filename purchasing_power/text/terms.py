"""Counts of words and word sequences in distinct texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from scipy import sparse

from purchasing_power.text.words import words


def terms(text: str, ngram_max: int, all_words: bool = False) -> Iterator[str]:
    """Give the words of a text, then its sequences of 2 to ``ngram_max`` words joined by a space."""
    found = words(text, all_words)
    yield from found
    for length in range(2, ngram_max + 1):
        for start in range(len(found) - length + 1):
            yield " ".join(found[start : start + length])


def vocabulary(texts: Sequence[str], ngram_max: int, all_words: bool = False) -> dict[str, int]:
    """Number the terms of texts in alphabetical order."""
    found = {term for text in texts for term in terms(text, ngram_max, all_words)}
    return {term: column for column, term in enumerate(sorted(found))}


@lru_cache(maxsize=8)
def columns(lines: str) -> dict[str, int]:
    """Number the terms that stand on a line each."""
    return {term: column for column, term in enumerate(lines.split("\n"))} if lines else {}


def count(texts: Sequence[str], known: dict[str, int], ngram_max: int, all_words: bool = False) -> sparse.csr_matrix:
    """Count known terms, float32, shape (n_texts, n_terms); unknown terms count as nothing."""
    places: list[int] = []
    ends = [0]
    for text in texts:
        places.extend(known[term] for term in terms(text, ngram_max, all_words) if term in known)
        ends.append(len(places))
    shape = (len(texts), len(known))
    data = np.ones(len(places), np.float32)
    counts = sparse.csr_matrix((data, np.asarray(places, np.int32), np.asarray(ends)), shape=shape)
    counts.sum_duplicates()
    return counts
