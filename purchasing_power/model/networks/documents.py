"""The documents of rows as windows of tokens, and batches of rows of like length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import sparse

from purchasing_power.snapshot.user_table import document_codes
from purchasing_power.text.tokens import Tokens

# Tokens of a row that training reads, of the newest documents first: what fits the memory with its gradients.
ROW_TOKENS = 4096
# Batches among which rows change places by length: more of them mean less padding and less chance.
POOL = 50


@dataclass(frozen=True)
class RowTexts:
    """The newest distinct documents of rows.

    Attributes
    ----------
    texts
        Distinct texts of all rows.
    share
        1 / (documents of the row) where a row has a text, float32, shape (n_rows, n_texts); in each row the
        newest document stands first.
    """

    texts: list[str]
    share: sparse.csr_matrix


def row_texts(documents: pd.Series, most: int) -> RowTexts:
    """Take up to ``most`` newest distinct documents of each row; missing ones count as nothing."""
    offsets, codes, every = document_codes(documents)
    owner = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    pairs = pd.DataFrame({"row": owner, "code": codes})[codes >= 0].drop_duplicates()
    pairs = pairs[pairs.groupby("row").cumcount() < most]
    counts = np.bincount(pairs["row"], minlength=len(offsets) - 1)
    used, places = np.unique(pairs["code"], return_inverse=True)
    values = (1 / np.maximum(counts, 1))[pairs["row"]].astype(np.float32)
    ends = np.concatenate([[0], np.cumsum(counts)])
    share = sparse.csr_matrix((values, places, ends), shape=(len(counts), len(used)))
    return RowTexts([every[code] for code in used], share)


@dataclass(frozen=True)
class Batch:
    """Windows to run and how they become the vectors of some rows.

    Attributes
    ----------
    windows
        Positions of the windows, shape (m,).
    owner, weight
        Text of each window, 0..t-1, and its weight in it, shape (m,).
    share
        Weight of each text in each row, float32, shape (n, t).
    """

    windows: np.ndarray
    owner: np.ndarray
    weight: np.ndarray
    share: np.ndarray


@dataclass(frozen=True)
class RowWindows:
    """Windows of the rows' texts, as token ids: what a language model is trained on.

    Attributes
    ----------
    ids
        Token ids of each window.
    weight
        Weight of each window in its text, float32, shape (n_windows,).
    starts
        Where the windows of each text begin, shape (n_texts + 1,).
    share
        Texts of each row, as :class:`RowTexts` has them.
    """

    ids: list[np.ndarray]
    weight: np.ndarray
    starts: np.ndarray
    share: sparse.csr_matrix

    @property
    def row_tokens(self) -> np.ndarray:
        """Tokens of each row, shape (n_rows,)."""
        of_windows = np.asarray([len(one) for one in self.ids], np.int64)
        totals = np.concatenate([[0], np.cumsum(of_windows)])
        of_texts = totals[self.starts[1:]] - totals[self.starts[:-1]]
        return np.asarray((self.share > 0) @ of_texts).ravel()

    def batch(self, rows: np.ndarray) -> Batch:
        """Windows of the distinct texts of some rows."""
        share = self.share[rows]
        texts, places = np.unique(share.indices, return_inverse=True)
        counts = self.starts[texts + 1] - self.starts[texts]
        windows = np.concatenate(
            [np.arange(self.starts[text], self.starts[text + 1]) for text in texts] or [np.zeros(0, int)]
        ).astype(np.int64)
        dense = np.zeros((len(rows), len(texts)), np.float32)
        dense[np.repeat(np.arange(len(rows)), np.diff(share.indptr)), places] = share.data
        return Batch(windows, np.repeat(np.arange(len(texts)), counts), self.weight[windows], dense)


def row_windows(rows: RowTexts, tokens: Tokens, most: int = ROW_TOKENS) -> RowWindows:
    """Cut the texts of rows into windows.

    What of a row lies beyond ``most`` tokens is not trained on (its first document's first window always is);
    predictions read all of it.
    """
    cut = tokens.windows(rows.texts)
    lengths = np.asarray([len(one) for one in cut.ids], np.int64)
    before = np.concatenate([[0], np.cumsum(lengths)])
    starts = np.searchsorted(cut.owner, np.arange(len(rows.texts) + 1))
    fits = (before[1:] - before[starts[cut.owner]] <= most) | (np.arange(len(lengths)) == starts[cut.owner])
    chosen_before = np.concatenate([[0], np.cumsum(fits)])
    chosen = np.flatnonzero(fits)
    ids = [np.asarray(cut.ids[one], np.int32) for one in chosen]
    windows = RowWindows(ids, cut.weight[chosen], chosen_before[starts], rows.share)
    return replace(windows, share=_within(windows, lengths[chosen], most))


def _within(windows: RowWindows, lengths: np.ndarray, most: int) -> sparse.csr_matrix:
    """Leave the older documents of rows with too many tokens out of their mean."""
    totals = np.concatenate([[0], np.cumsum(lengths)])
    tokens = (totals[windows.starts[1:]] - totals[windows.starts[:-1]])[windows.share.indices]
    run = np.concatenate([[0], np.cumsum(tokens)])
    indptr = windows.share.indptr
    owner = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    place = np.arange(len(tokens))
    fits = (run[1:] - run[indptr[owner]] <= most) | (place == indptr[owner])
    counts = np.bincount(owner[fits], minlength=len(indptr) - 1)
    ends = np.concatenate([[0], np.cumsum(counts)])
    values = (1 / np.maximum(counts, 1))[owner[fits]].astype(np.float32)
    return sparse.csr_matrix((values, windows.share.indices[fits], ends), shape=windows.share.shape)


def batches(rows: np.ndarray, tokens: np.ndarray, size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Batches of ``size`` rows in random order, each of rows of like length.

    Parameters
    ----------
    rows
        Positions of the rows to read, a repeated one as often as it stands there.
    tokens
        Tokens of every row, by position.
    """
    order = rng.permutation(rows)
    cut: list[np.ndarray] = []
    for start in range(0, len(order), size * POOL):
        pool = order[start : start + size * POOL]
        pool = pool[np.argsort(tokens[pool], kind="stable")]
        cut += [pool[at : at + size] for at in range(0, len(pool), size)]
    return [cut[place] for place in rng.permutation(len(cut))]


def pieces(rows: np.ndarray, tokens: np.ndarray, most: int) -> Iterator[np.ndarray]:
    """Cut a batch into runs of rows of at most ``most`` tokens, so that their gradients fit the memory."""
    run: list[int] = []
    total = 0
    for row in rows:
        if run and total + tokens[row] > most:
            yield np.asarray(run)
            run, total = [], 0
        run.append(int(row))
        total += int(tokens[row])
    if run:
        yield np.asarray(run)
