"""Texts as windows of token ids, ready for a model."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from purchasing_power.errors import DataError
from purchasing_power.text.checkpoint import Checkpoint
from purchasing_power.text.windows import Windows, split

# A saved encoder keeps its tokenizer as this library runs it: a server then needs neither transformers nor torch.
TOKENS_FILE = "tokens.json"


class Tokens:
    """The tokenizer of a model, with the tokens that go around every window.

    The prefix stands in every window. It is read together with the text, so that a text of one window
    has the tokens that sentence-transformers gives it with the same prompt.

    Parameters
    ----------
    source
        Says prefix, window length and overlap.
    ids
        Gives token ids of texts without special tokens; used by one thread at a time.
    before, after
        Special tokens that the model wants around a text.
    stand_in
        Token for an empty text of a model that adds no special tokens.
    """

    def __init__(
        self,
        source: Checkpoint,
        ids: Callable[[list[str]], list[list[int]]],
        before: list[int],
        after: list[int],
        stand_in: int,
    ) -> None:
        self.source = source
        self.before, self.after, self.stand_in = before, after, stand_in
        self._ids = ids
        # A fast tokenizer may not be used by two threads at once.
        self._lock = threading.Lock()
        # A space at the end belongs to the first token of the text that follows.
        self._lead = ids([source.prefix.rstrip()])[0] if source.prefix.strip() else []
        room = source.max_length - len(before) - len(after) - len(self._lead)
        if room <= source.overlap:
            raise DataError(
                f"encoder {source.folder.name}: max_length: got {source.max_length}; special tokens and prefix take "
                f"{source.max_length - room} and the overlap {source.overlap}, so no window gets on. Set a longer "
                "max_length, a shorter prefix or a smaller overlap."
            )

    def windows(self, texts: Sequence[str]) -> Windows:
        """Cut texts into windows of at most ``max_length`` tokens, losing none of their tokens."""
        source, lead = self.source, self._lead
        with self._lock:
            ids = self._ids([source.prefix + text for text in texts] if lead else list(texts))
        if lead:
            ids = [text[_shared(lead, text) :] for text in ids]
        before = [*self.before, *lead]
        empty = [] if before or self.after else [self.stand_in]
        return split(ids, before, self.after, source.max_length, source.overlap, empty)


def open_tokens(source: Checkpoint) -> Tokens:
    """Load the tokenizer of a model: from what :func:`save_tokens` wrote, else through transformers.

    Raises
    ------
    DataError
        If the tokenizer cannot be loaded.
    """
    kept = source.folder / TOKENS_FILE
    if kept.exists():
        values = json.loads(kept.read_text(encoding="utf-8"))
        # Kept tokens of files that have changed since would be those of another model.
        if values.pop("fingerprint") == source.fingerprint():
            ids = _fast(Tokenizer.from_str(values.pop("tokenizer")))
            return Tokens(source, ids, **values)
    tokenizer = _load(source)
    with_special = tokenizer("a", return_special_tokens_mask=True)
    special = np.asarray(with_special["special_tokens_mask"], bool)
    first = int(np.argmin(special)) if not special.all() else len(special)
    added = with_special["input_ids"]
    before, after = added[:first], added[first + int((~special).sum()) :]
    backend = getattr(tokenizer, "backend_tokenizer", None)
    read = _slow(tokenizer) if backend is None else _fast(backend)
    return Tokens(source, read, before, after, _stand_in(tokenizer))


def save_tokens(source: Checkpoint, folder: Path) -> None:
    """Write the tokenizer to a folder that the model was copied to; slow ones are left to transformers."""
    backend = getattr(_load(source), "backend_tokenizer", None)
    if backend is None:
        return
    tokens = open_tokens(source)
    values = {
        "fingerprint": source.fingerprint(),
        "tokenizer": _unlimited(backend).to_str(),
        "before": tokens.before,
        "after": tokens.after,
        "stand_in": tokens.stand_in,
    }
    (folder / TOKENS_FILE).write_text(json.dumps(values), encoding="utf-8")


@contextmanager
def quiet() -> Iterator[None]:
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


def _load(source: Checkpoint) -> Any:
    from transformers import AutoTokenizer

    with quiet():
        try:
            return AutoTokenizer.from_pretrained(source.folder, trust_remote_code=False)
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise DataError(
                f"encoder {source.folder.name}: transformers cannot load its tokenizer "
                f"({type(error).__name__}: {error}). Name a model whose folder holds one that AutoTokenizer knows."
            ) from error


def _unlimited(backend: Tokenizer) -> Tokenizer:
    """Switch off cutting and padding, which some files switch on."""
    backend.no_truncation()
    backend.no_padding()
    return backend


def _fast(backend: Tokenizer) -> Callable[[list[str]], list[list[int]]]:
    _unlimited(backend)
    return lambda texts: [found.ids for found in backend.encode_batch_fast(texts, add_special_tokens=False)]


def _slow(tokenizer: Any) -> Callable[[list[str]], list[list[int]]]:
    # Windows keep every text within bounds, so the tokenizer's own warning would be false.
    tokenizer.model_max_length = int(1e30)
    return lambda texts: tokenizer(texts, add_special_tokens=False)["input_ids"]


def _stand_in(tokenizer: Any) -> int:
    candidates = (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id, 0)
    return next(token for token in candidates if token is not None)


def _shared(lead: list[int], ids: list[int]) -> int:
    """Count the tokens that both begin with."""
    return next((at for at, pair in enumerate(zip(lead, ids, strict=False)) if pair[0] != pair[1]), len(lead))
