"""The first tokens of rows' documents, and the states that a language model gives for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from purchasing_power.model.networks.documents import row_texts
from purchasing_power.text.runtime.torch import CPU_TOKENS
from purchasing_power.text.tokens import Tokens
from purchasing_power.text.windows import batches

if TYPE_CHECKING:
    from torch import Tensor

    from purchasing_power.model.networks.layers import CachedStates


@dataclass(frozen=True)
class RowTokens:
    """First tokens of each row's distinct documents, newest first.

    Special tokens stand between two documents, so that a filter sees where one ends. Of a document longer
    than a window, the first window is read.

    Attributes
    ----------
    windows
        Token ids of the first window of each distinct document.
    places
        int64, shape (n_rows, tokens): which of all the windows' tokens, counted through, stands at each place of a
        row, -1 after its last; no wider than the longest row needs, and at least ``least``.
    """

    windows: list[list[int]]
    places: np.ndarray
    least: int

    @property
    def row_tokens(self) -> np.ndarray:
        """Tokens of each row, shape (n_rows,)."""
        return (self.places >= 0).sum(axis=1)

    @property
    def ids(self) -> np.ndarray:
        """Token ids, shape (n_rows, tokens), -1 after the last token of a row."""
        flat = np.concatenate([*self.windows, [-1]]).astype(np.int64)
        return flat[self.places]


def first_tokens(documents: pd.Series, tokens: Tokens, most: int, least: int) -> RowTokens:
    """Take the first ``most`` tokens of each row."""
    rows = row_texts(documents, most)
    cut = tokens.windows(rows.texts)
    firsts = np.searchsorted(cut.owner, np.arange(len(rows.texts)))
    windows = [cut.ids[first] for first in firsts]
    starts = np.concatenate([[0], np.cumsum([len(window) for window in windows])]).astype(np.int64)
    of_rows = [
        np.concatenate([np.zeros(0, np.int64), *(np.arange(starts[text], starts[text + 1]) for text in texts)])
        for texts in np.split(rows.share.indices, rows.share.indptr[1:-1])
    ]
    width = max([least, *(min(len(one), most) for one in of_rows)])
    places = np.full((len(documents), width), -1, np.int64)
    for row, one in enumerate(of_rows[: len(documents)]):
        places[row, : min(len(one), most)] = one[:most]
    return RowTokens(windows, places, least)


def states(
    model: Any, windows: Sequence[Sequence[int]], half: bool = False, below: CachedStates | None = None
) -> Tensor:
    """States of a model's last layer for every token of some windows, float16, shape (n_tokens, dimension).

    Parameters
    ----------
    half
        Whether products are in bfloat16.
    below
        What replaces the model's lowest layers, with their states of these windows.
    """
    import torch

    lengths = np.asarray([len(window) for window in windows], np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    result = torch.zeros((int(starts[-1]), model.config.hidden_size), dtype=torch.float16)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
        for group in batches(lengths, CPU_TOKENS):
            ids = np.zeros((len(group), int(lengths[group].max())), np.int64)
            for row, window in enumerate(group):
                ids[row, : lengths[window]] = windows[window]
            if below is not None:
                below.windows = group
            mask = torch.from_numpy(np.arange(ids.shape[1]) < lengths[group, None])
            hidden = model(input_ids=torch.from_numpy(ids), attention_mask=mask.long()).last_hidden_state
            for row, window in enumerate(group):
                result[starts[window] : starts[window + 1]] = hidden[row, : lengths[window]].half()
    return result
