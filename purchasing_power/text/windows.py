"""Token windows of long texts, and batches of windows of like length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Windows:
    """Windows of token ids that together cover every text to its end.

    Attributes
    ----------
    ids
        Token ids of each window, special tokens included.
    owner
        Position of the text each window belongs to, ascending, shape (n_windows,).
    weight
        Tokens of the text in each window (at least 1), float32, shape (n_windows,). A token that lies in
        k windows counts 1/k in each, so that the weights of a text add up to its tokens.
    """

    ids: list[list[int]]
    owner: np.ndarray
    weight: np.ndarray


def split(
    texts: Sequence[list[int]], before: list[int], after: list[int], max_length: int, overlap: int, empty: list[int]
) -> Windows:
    """Cut token ids into windows of at most ``max_length``, special tokens included, losing none.

    Parameters
    ----------
    texts
        Token ids of each text without special tokens.
    before, after
        Tokens that stand before and after the text in every window: special tokens and a prefix's.
    max_length
        More than the tokens before and after and the overlap together.
    overlap
        Tokens that neighbouring windows share.
    empty
        Tokens that stand for a text without any.
    """
    size = max_length - len(before) - len(after)
    ids: list[list[int]] = []
    owner: list[int] = []
    weight: list[float] = []
    for position, text in enumerate(texts):
        text = text or empty
        for start in _starts(len(text), size, overlap):
            ids.append([*before, *text[start : start + size], *after])
            owner.append(position)
        weight.extend(_weights(len(text), size, overlap))
    return Windows(ids=ids, owner=np.asarray(owner, np.int64), weight=np.asarray(weight, np.float32))


def _starts(length: int, size: int, overlap: int) -> range:
    """Where the windows begin; the last one reaches the end and holds more than the overlap."""
    return range(0, max(length - overlap, 1), size - overlap)


def _weights(length: int, size: int, overlap: int) -> list[float]:
    if length <= size:
        return [float(max(length, 1))]
    starts = _starts(length, size, overlap)
    times = np.zeros(length)
    for start in starts:
        times[start : start + size] += 1
    return [float((1 / times[start : start + size]).sum()) for start in starts]


def batches(lengths: np.ndarray, budget: int) -> list[np.ndarray]:
    """Group positions of like length, longest first, so that no padded batch passes the token budget.

    Parameters
    ----------
    lengths
        Tokens of each window, shape (n_windows,).
    budget
        Most tokens in a batch, padding included; a longer window goes alone.
    """
    order = np.argsort(-lengths, kind="stable")
    groups: list[np.ndarray] = []
    start = 0
    while start < len(order):
        count = max(1, budget // max(int(lengths[order[start]]), 1))
        groups.append(order[start : start + count])
        start += count
    return groups
