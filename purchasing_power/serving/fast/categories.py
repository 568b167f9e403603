"""Categorical columns of a row in numpy: one-hot, rare and unseen categories together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from purchasing_power.serving.fast.fitted_files import kind

Encode = Callable[[tuple[str | None, ...]], np.ndarray]


def one_hot(fitted: Any) -> Encode | None:
    """What a fitted :class:`~purchasing_power.model.columns.Categories` makes of the categories of a row.

    ``None`` where a column has so many that they get more than a column each.
    """
    blocks = [(name, part) for name, part, _ in fitted.encoders_.transformers_ if name != "remainder"]
    if [name for name, _ in blocks] != ["one_hot"]:
        return None
    filler, encoder = (step for _, step in blocks[0][1].steps)
    if (kind(filler), kind(encoder)) != ("SimpleImputer", "OneHotEncoder"):
        return None
    missing = filler.fill_value
    places, unseen, width = _places(encoder)

    def encode(row: tuple[str | None, ...]) -> np.ndarray:
        found = np.zeros(width, np.float32)
        for known, other, value in zip(places, unseen, row, strict=True):
            place = known.get(missing if value is None else value, other)
            if place is not None:
                found[place] = 1.0
        return found

    return encode


def _places(encoder: Any) -> tuple[list[dict[str, int]], list[int | None], int]:
    """Output column of each category of each column, that of unseen ones, if any, and how many there are.

    A column's rare categories share its last output.
    """
    places: list[dict[str, int]] = []
    unseen: list[int | None] = []
    width = 0
    for values, mapping in zip(encoder.categories_, encoder._default_to_infrequent_mappings, strict=True):
        local = np.arange(len(values)) if mapping is None else np.asarray(mapping)
        places.append({value: width + int(at) for value, at in zip(values, local, strict=True)})
        unseen.append(None if mapping is None else width + int(local.max()))
        width += int(local.max()) + 1
    return places, unseen, width
