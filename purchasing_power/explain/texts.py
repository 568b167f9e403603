"""Texts of rows as words and positions: which words may be named, and rows without some of their texts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import sparse

from purchasing_power.snapshot.user_table import DOCUMENTS, document_codes, documents_array
from purchasing_power.text import terms

# A word that fewer rows share could point at a person, and so could a long number.
SHARED_ROWS = 3
_LONG_NUMBER = re.compile(r"\d{4}")


@dataclass(frozen=True)
class Texts:
    """The documents of rows, and the words that may be named.

    Attributes
    ----------
    codes
        Of each row, the positions in ``texts`` of its documents, newest first.
    texts
        Distinct texts.
    words
        Words that ``SHARED_ROWS`` rows or more have and that hold no long number.
    holds
        Times each text has each word, shape (n_texts, n_words).
    weights
        Weight of each word in each row, shape (n_rows, n_words): texts that have it, times the logarithm of
        how rare it is among the rows.
    """

    codes: list[np.ndarray]
    texts: list[str]
    words: list[str]
    holds: sparse.csc_matrix
    weights: sparse.csr_matrix


def read_texts(documents: pd.Series, shared: int = SHARED_ROWS) -> Texts:
    """Split a ``documents`` column into words.

    Parameters
    ----------
    shared
        Fewest rows that have a word that may be named.
    """
    offsets, codes, every = document_codes(documents)
    used, codes = np.unique(codes, return_inverse=True)
    texts = [every[code] for code in used]
    columns = terms.vocabulary(texts, 1)
    holds = terms.count(texts, columns, 1)
    ones = np.ones(len(codes), np.float32)
    has = sparse.csr_matrix((ones, codes, offsets), shape=(len(offsets) - 1, len(texts))) @ holds
    rows_with = has.getnnz(axis=0)
    named = {word: at for word, at in columns.items() if rows_with[at] >= shared and not _LONG_NUMBER.search(word)}
    kept = list(named.values())
    rarity = np.log1p(has.shape[0] / np.maximum(rows_with[kept], 1)).astype(np.float32)
    return Texts(
        codes=np.split(codes, offsets[1:-1]),
        texts=texts,
        words=list(named),
        holds=holds[:, kept].tocsc(),
        weights=sparse.csr_matrix(has[:, kept] @ sparse.diags(rarity)),
    )


def of_row(texts: Texts, row: int) -> Texts:
    """The texts of one row, with the words that may be named among all rows."""
    return replace(texts, codes=[texts.codes[row]], weights=texts.weights[[row]])


def foremost(texts: Texts, row: int, most: int) -> np.ndarray:
    """Positions of a row's words of most weight, at most ``most``, in the order of the words."""
    span = slice(*texts.weights.indptr[row : row + 2])
    order = np.argsort(-texts.weights.data[span], kind="stable")[:most]
    return np.sort(texts.weights.indices[span][order])


def holding(texts: Texts, word: int) -> np.ndarray:
    """Positions of the texts that have a word."""
    return texts.holds.indices[slice(*texts.holds.indptr[word : word + 2])]


def with_documents(frame: pd.DataFrame, rows: np.ndarray, documents: Sequence[Sequence[str]]) -> pd.DataFrame:
    """Rows of a frame, repeated as ``rows`` says, with other documents."""
    known: dict[str, int] = {}
    codes = [known.setdefault(text, len(known)) for row in documents for text in row]
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in documents])])
    changed = frame.iloc[rows].reset_index(drop=True)
    return changed.assign(**{DOCUMENTS: documents_array(offsets, np.asarray(codes, np.int64), list(known))})


def without_word(text: str, word: str) -> str:
    """A text with every occurrence of a word taken out, whatever its case."""
    plain = unicodedata.normalize("NFKC", text).replace("\u2019", "'")
    whole = word.isascii() or not any("\u3400" <= sign <= "\u9fff" for sign in word)
    pattern = rf"(?<![^\W_]){re.escape(word)}(?![^\W_])" if whole else re.escape(word)
    return re.sub(pattern, " ", plain, flags=re.IGNORECASE)
