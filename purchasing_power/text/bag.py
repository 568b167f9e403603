"""A user's documents as counts of distinct texts, so that text work is done once per text, not per purchase."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from purchasing_power.snapshot.user_table import document_codes


@dataclass(frozen=True)
class Bag:
    """Distinct texts and how often each row has them.

    Attributes
    ----------
    texts
        The texts that occur in at least one row, each once, ascending: a row's sums are then added up in the same
        order whatever rows stand beside it.
    counts
        Times each row has each text, float32, shape (n_rows, n_texts).
    recency
        Sum of 1 / (1 + place) over the places at which a row has a text, the newest document being at place 0;
        float64, shape (n_rows, n_texts).
    """

    texts: list[str]
    counts: sparse.csr_matrix
    recency: sparse.csr_matrix


def bag(documents: pd.Series) -> Bag:
    """Count the distinct texts of every row.

    Parameters
    ----------
    documents
        The ``documents`` column of a user table, newest first (Arrow ``list<dictionary<string>>``, no Python
        string is made per entry) or lists of strings; missing lists and missing texts count as nothing.
    """
    offsets, codes, texts = document_codes(documents)
    present = codes >= 0
    if not present.all():
        kept = np.concatenate([[0], np.cumsum(present)])
        offsets, codes = kept[offsets], codes[present]
    occurring = sorted(np.flatnonzero(np.bincount(codes, minlength=len(texts))), key=texts.__getitem__)
    position = np.zeros(len(texts), np.int32)
    position[occurring] = np.arange(len(occurring), dtype=np.int32)
    place = np.arange(len(codes)) - np.repeat(offsets[:-1], np.diff(offsets))
    shape = (len(offsets) - 1, len(occurring))
    # The places of both matrices are sorted once.
    order = sparse.csr_matrix((np.arange(len(codes)), position[codes], offsets), shape=shape)
    order.sort_indices()
    counts, recency = (
        sparse.csr_matrix((weights[order.data], order.indices, offsets), shape=shape, copy=True)
        for weights in (np.ones(len(codes), np.float32), 1 / (1 + place))
    )
    counts.sum_duplicates()
    recency.sum_duplicates()
    return Bag([texts[code] for code in occurring], counts, recency)
