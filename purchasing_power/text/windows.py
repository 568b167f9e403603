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
        Position of the text each window belongs to, shape (n_windows,).
    weight
        Tokens of the text in each window (at least 1), float32, shape (n_windows,).
    """

    ids: list[list[int]]
    owner: np.ndarray
    weight: np.ndarray


def split(
    texts: Sequence[list[int]], prefix: list[int], suffix: list[int], max_length: int, empty: list[int]
) -> Windows:
    """Cut token ids into windows of at most ``max_length``, special tokens included, losing none.

    Parameters
    ----------
    texts
        Token ids of each text without special tokens.
    prefix, suffix
        Special tokens that the model wants before and after.
    empty
        Tokens that stand for a text without any.
    """
    size = max_length - len(prefix) - len(suffix)
    ids: list[list[int]] = []
    owner: list[int] = []
    weight: list[int] = []
    for position, text in enumerate(texts):
        text = text or empty
        for start in range(0, max(len(text), 1), size):
            part = text[start : start + size]
            ids.append([*prefix, *part, *suffix])
            owner.append(position)
            weight.append(max(len(part), 1))
    return Windows(ids=ids, owner=np.asarray(owner, np.int64), weight=np.asarray(weight, np.float32))


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
