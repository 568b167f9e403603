"""Neutral texts that decide the ranges of int8 runtimes, the same on every machine."""

from __future__ import annotations

from importlib import resources

import numpy as np

from purchasing_power.text.checkpoint import Checkpoint

LONG_TEXTS = 56
LINES_IN_LONG = 10


def texts() -> list[str]:
    """Short reviews, searches and product titles, English and Chinese, and longer texts joined from them.

    They do not depend on a user's texts: a model's int8 vectors are then the same in every study and may share a store.
    """
    file = resources.files("purchasing_power.text.runtime") / "calibration.txt"
    lines = file.read_text(encoding="utf-8").splitlines()
    random = np.random.default_rng(0)
    longer = [
        " ".join(lines[row] for row in random.integers(len(lines), size=random.integers(2, LINES_IN_LONG)))
        for _ in range(LONG_TEXTS)
    ]
    return [*lines, *longer]


def windows(source: Checkpoint) -> list[list[int]]:
    """Token ids of the texts, special tokens and prefix included, sorted by length."""
    from purchasing_power.text.tokens import open_tokens

    return sorted(open_tokens(source).windows(texts()).ids, key=len)
