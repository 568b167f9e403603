"""A model with its pooling as one traceable graph, its batches, the folder of its export, and texts for calibration."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from purchasing_power.text.checkpoint import Checkpoint
from purchasing_power.text.encoder_spec import CLS, LAST, MAX, MEAN
from purchasing_power.text.runtime.torch import load_model

INPUTS = ("ids", "mask")
OUTPUT = "pooled"
# Fewer tokens in a batch mean less padding; more of them gain nothing.
TOKENS = 1024
LONG_TEXTS = 56
LINES_IN_LONG = 10


def calibration_texts() -> list[str]:
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


def calibration_windows(source: Checkpoint) -> list[list[int]]:
    """Token ids of the texts, special tokens and prefix included, sorted by length."""
    from purchasing_power.text.tokens import open_tokens

    return sorted(open_tokens(source).windows(calibration_texts()).ids, key=len)


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


@contextmanager
def exported(folder: Path | None, write: Callable[[Path], None]) -> Iterator[Path]:
    """Give the folder of an export, and have it written first where there is none.

    Without a folder it lies in one that lives as long as the context. A new one is written under a temporary name and
    renamed: another process sees all of it or nothing, and where two write the same one, the first stays.
    """
    if folder is None:
        with tempfile.TemporaryDirectory() as place:
            write(Path(place))
            yield Path(place)
        return
    if not folder.is_dir():
        draft = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}.draft")
        draft.mkdir(parents=True)
        try:
            write(draft)
            _rename(draft, folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    yield folder


def _rename(draft: Path, folder: Path) -> None:
    try:
        draft.rename(folder)
    except OSError:
        # A folder that is not empty cannot be replaced: another process was first.
        if not folder.is_dir():
            raise


def _pool(hidden: Any, mask: Any, pooling: str) -> Any:
    """Pool as :func:`torch.pool` does, without a shape or an index that tracing would freeze."""
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
