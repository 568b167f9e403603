"""Texts as vectors of a BERT-like or GPT-like language model."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from purchasing_power.errors import DataError
from purchasing_power.text import checkpoint, windows
from purchasing_power.text.checkpoint import Checkpoint

TOKEN_BUDGET = 4096
MANY_WINDOWS = 256

_OPENED: dict[tuple[Path, str], Encoder] = {}
_OPENING = threading.Lock()


class Encoder:
    """A frozen language model that maps a text to a unit vector.

    BERT-like models: mean of the last layer over all tokens that are not padding. GPT-like models: the
    last token that is not padding. Weights are float32, read from safetensors alone; code in a model
    folder is never run. A text longer than ``max_length`` is cut into windows, and its vector is the
    mean of theirs weighted by their tokens: no part of it is dropped. Every vector has L2 length 1.
    The weights are loaded with the first text: a process that finds every vector in a store imports
    no torch.

    Parameters
    ----------
    source
        The model folder; use :meth:`open` to name one.
    fingerprint
        Hex digest of the model's files, pooling and window length.
    """

    def __init__(self, source: Checkpoint, fingerprint: str) -> None:
        self.source = source
        self.fingerprint = fingerprint
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None

    @classmethod
    def open(cls, name: str) -> Encoder:
        """Open a model once per process: ``"minilm"``, a local folder or a Hugging Face hub name.

        Raises
        ------
        DataError
            If the model cannot be had, or is neither BERT-like nor GPT-like.
        """
        source = checkpoint.find(name)
        fingerprint = source.fingerprint()
        with _OPENING:
            return _OPENED.setdefault((source.folder, fingerprint), cls(source, fingerprint))

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self.source.dimension

    def save(self, folder: Path) -> None:
        """Write the model to a folder that :meth:`open` reads with the same fingerprint and vectors."""
        self.source.copy(folder)

    def encode(self, texts: Sequence[str], progress: bool = False) -> np.ndarray:
        """Encode texts, empty ones included.

        Parameters
        ----------
        texts
            Each is encoded as it stands; repeated texts are encoded again (see ``store.vectors``).
        progress
            Show a bar when there are many.

        Returns
        -------
        np.ndarray
            Unit vectors, float32, shape (n_texts, dimension).

        Raises
        ------
        DataError
            If the model cannot be loaded or gives a vector that is not finite.
        """
        sums = np.zeros((len(texts), self.dimension), np.float32)
        if not len(texts):
            return sums
        model, parts = self._windows(texts)
        lengths = np.asarray([len(ids) for ids in parts.ids])
        hide = not progress or len(parts.ids) < MANY_WINDOWS
        with tqdm(total=len(parts.ids), desc="encode", unit="window", disable=hide) as bar:
            for batch in windows.batches(lengths, TOKEN_BUDGET):
                pooled = _forward(model, [parts.ids[i] for i in batch], self.source.pooling)
                np.add.at(sums, parts.owner[batch], pooled * parts.weight[batch, None])
                bar.update(len(batch))
        if not np.isfinite(sums).all():
            raise DataError(
                f"encoder {self.source.folder.name}: vectors with NaN or infinity; finite ones are needed. "
                "The weights are damaged or untrained: fetch the model again or name another."
            )
        return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)

    def _windows(self, texts: Sequence[str]) -> tuple[Any, windows.Windows]:
        # A fast tokenizer may not be used by two threads at once.
        with self._lock:
            if self._loaded is None:
                self._loaded = _load(self.source)
            model, tokenizer = self._loaded
            ids = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
            probe = tokenizer("a", return_special_tokens_mask=True)
        added = np.asarray(probe["special_tokens_mask"], bool)
        first = int(np.argmin(added)) if not added.all() else len(added)
        prefix = probe["input_ids"][:first]
        suffix = probe["input_ids"][first + int((~added).sum()) :]
        empty = [] if prefix or suffix else [_stand_in(tokenizer)]
        return model, windows.split(ids, prefix, suffix, self.source.max_length, empty)


def _stand_in(tokenizer: Any) -> int:
    """Find a token for an empty text of a model that adds no special tokens."""
    candidates = (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id, 0)
    return next(token for token in candidates if token is not None)


def _forward(model: Any, ids: list[list[int]], pooling: str) -> np.ndarray:
    """Run one batch and pool it: float32, shape (n_windows, dimension)."""
    import torch

    longest = max(map(len, ids))
    # Padded positions are masked out, so any id serves and no tokenizer needs a padding token.
    tokens = torch.zeros((len(ids), longest), dtype=torch.long)
    mask = torch.zeros((len(ids), longest), dtype=torch.long)
    for row, window in enumerate(ids):
        tokens[row, : len(window)] = torch.tensor(window)
        mask[row, : len(window)] = 1
    with torch.inference_mode():
        hidden = model(input_ids=tokens, attention_mask=mask).last_hidden_state
        if pooling == "last":
            pooled = hidden[torch.arange(len(ids)), mask.sum(1) - 1]
        else:
            pooled = (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
    return pooled.float().numpy()


def _load(source: Checkpoint) -> tuple[Any, Any]:
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModel, AutoTokenizer

    with _quiet():
        try:
            tokenizer = AutoTokenizer.from_pretrained(source.folder, trust_remote_code=False)
            model, report = AutoModel.from_pretrained(
                source.folder,
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
        except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
            raise DataError(
                f"encoder {source.folder.name}: transformers cannot load it ({type(error).__name__}: {error}). "
                "Name a BERT-like or GPT-like model that AutoModel knows."
            ) from error
    missing = sorted(key for key in report["missing_keys"] if "pooler" not in key)
    if missing:
        raise DataError(
            f"encoder {source.folder.name}: {len(missing)} weights are not in the file (first: {missing[0]}) and "
            "would be random. Fetch the model again or name another."
        )
    # Windows keep every text within bounds, so the tokenizer's own warning would be false.
    tokenizer.model_max_length = int(1e30)
    return model.eval(), tokenizer


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from listing the unused heads and drawing a bar for every load."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
