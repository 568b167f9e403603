"""A model with its pooling as one traceable graph, and its batches as padded arrays."""

from __future__ import annotations

from queue import SimpleQueue
from typing import Any

import numpy as np

from purchasing_power.text.checkpoint import Checkpoint
from purchasing_power.text.encoder_spec import CLS, LAST, MAX, MEAN
from purchasing_power.text.runtime.padded import load_model

INPUTS = ("ids", "mask")
OUTPUT = "pooled"
# Fewer tokens in a batch mean less padding; more of them gain nothing.
TOKENS = 1024


def pooled_graph(source: Checkpoint) -> Any:
    """A torch module from token ids and mask, int64 of shape (n, tokens), to vectors of shape (n, dimension)."""
    import torch

    model = load_model(source)
    # The fused attention of torch does not trace into every graph format.
    model.set_attn_implementation("eager")
    model.config.use_cache = False

    class Graph(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: Any, mask: Any) -> Any:
            hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
            return _pool(hidden, mask, source.pooling)

    return Graph().eval()


def example() -> tuple[Any, Any]:
    """Ids and mask to trace with: two windows, one of them padded."""
    import torch

    mask = torch.ones((2, 8), dtype=torch.long)
    mask[1, 5:] = 0
    return torch.ones((2, 8), dtype=torch.long), mask


def padded(ids: list[list[int]]) -> dict[str, np.ndarray]:
    """Windows as the graph's inputs, padded to the longest."""
    tokens = np.zeros((len(ids), max(map(len, ids))), np.int64)
    mask = np.zeros_like(tokens)
    for row, window in enumerate(ids):
        tokens[row, : len(window)] = window
        mask[row, : len(window)] = 1
    return {INPUTS[0]: tokens, INPUTS[1]: mask}


def free_list(things: list[Any]) -> SimpleQueue[Any]:
    """A queue of things that one thread at a time may use."""
    queue: SimpleQueue[Any] = SimpleQueue()
    for thing in things:
        queue.put(thing)
    return queue


def _pool(hidden: Any, mask: Any, pooling: str) -> Any:
    """Pool as :func:`padded.pool` does, without a shape or an index that tracing would freeze."""
    import torch

    if pooling == CLS:
        return hidden[:, 0]
    real = mask[:, :, None].to(hidden.dtype)
    if pooling == MAX:
        return (hidden + (1 - real) * torch.finfo(torch.float32).min).amax(1)
    if pooling == LAST:
        at = (mask.sum(1) - 1)[:, None, None].expand(-1, 1, hidden.shape[2])
        return torch.gather(hidden, 1, at)[:, 0]
    if pooling != MEAN:
        real = real * mask.cumsum(1)[:, :, None].to(hidden.dtype)
    return (hidden * real).sum(1) / real.sum(1)
