"""Texts as vectors of a BERT-like or GPT-like language model."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from tqdm.auto import tqdm

from purchasing_power.errors import DataError
from purchasing_power.text import checkpoint, windows
from purchasing_power.text.checkpoint import Checkpoint
from purchasing_power.text.encoder_spec import AUTO, EXACT, FLOAT32, ONNX_INT8, RETIRED, EncoderSpec, parse
from purchasing_power.text.runtime.base import Runtime, open_runtime, successor

if TYPE_CHECKING:
    from purchasing_power.text.tokens import Tokens

# Texts and characters that are tokenised at once, while the model runs on those before them.
CHUNK_TEXTS = 512
CHUNK_CHARACTERS = 1_000_000
MANY_TEXTS = 256
GRAPHS = "graphs"
# Exports whose recipe changed: a graph that a model was saved with keeps to the old one, and so do its vectors.
RECIPES = {ONNX_INT8: "onnx-int8-2"}
EXPORTS_VARIABLE = "PURCHASING_POWER_ENCODERS"

log = logging.getLogger(__name__)

_OPENED: dict[tuple[Path, str, str, str], Encoder] = {}
_OPENING = threading.Lock()


class Encoder:
    """A frozen language model that maps a text to a unit vector.

    The last layer's token vectors are pooled as the model's files or the spec say. A text longer than
    ``max_length`` is cut into overlapping windows, and its vector is the mean of theirs weighted by their
    tokens, each token counted once: no part of it is dropped. Every vector has L2 length 1. Weights are
    read from safetensors alone; code in a model folder is never run. They are loaded with the first text: a
    process that finds every vector in a store imports no torch.

    Parameters
    ----------
    source
        The model folder; use :meth:`open` to name one.
    fingerprint
        Hex digest of the model's files, pooling, windows and prefix.
    precision
        Name of the runtime. In place of one that an earlier version had, another encodes what is new; the vectors that
        came with the model are its own.
    device
        ``"auto"``, ``"cpu"`` or ``"cuda"``.

    Attributes
    ----------
    runtime
        What encodes a text that has no vector yet, one of ``RUNTIMES``.
    store_key
        What decides a text's vector: the fingerprint and the runtime.
    """

    def __init__(self, source: Checkpoint, fingerprint: str, precision: str = FLOAT32, device: str = "auto") -> None:
        self.source = source
        self.fingerprint = fingerprint
        self.precision = precision
        self.device = device
        self.runtime = successor(precision)
        own = source.folder / GRAPHS / fingerprint
        self._graph = self.runtime if (own / self.runtime).is_dir() else RECIPES.get(self.runtime, self.runtime)
        self.store_key = f"{fingerprint}-{precision if precision in RETIRED else self._graph}"
        self._lock = threading.Lock()
        self._loaded: _Loaded | None = None

    @classmethod
    def open(cls, spec: str | EncoderSpec) -> Encoder:
        """Open a model once per process, by spec: ``minilm``, a local folder or a Hugging Face hub name.

        Options may follow a question mark; see :class:`~purchasing_power.text.encoder_spec.EncoderSpec`.

        Raises
        ------
        DataError
            If the model cannot be had, is neither BERT-like nor GPT-like, or an option is not allowed.
        """
        wanted = parse(spec) if isinstance(spec, str) else spec
        precision, device = wanted.runtime or FLOAT32, wanted.device or "auto"
        if precision in (EXACT, AUTO):
            raise DataError(
                f"encoder {wanted}: runtime: got {precision}, which is chosen on the texts to encode. Resolve it first "
                "(text.runtime_choice.resolve), or name a runtime."
            )
        source = checkpoint.find(wanted)
        if device == "cuda" and successor(precision) != FLOAT32:
            raise DataError(
                f"encoder {wanted}: device: got cuda; {precision} runs on the processor alone. Set device to auto or "
                f"cpu, or runtime to {FLOAT32}."
            )
        fingerprint = source.fingerprint()
        key = (source.folder, fingerprint, precision, device)
        with _OPENING:
            if key not in _OPENED:
                # Vectors of an earlier runtime are those of a model that was saved with them, and of no other.
                known = precision if source.saved else successor(precision)
                _OPENED[key] = cls(source, fingerprint, known, device)
                if precision in RETIRED:
                    log.warning(
                        "encoder %s: %s encodes new texts, in place of %s, which this release no longer has",
                        *(source.folder.name, successor(precision), precision),
                    )
            return _OPENED[key]

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self.source.dimension

    @property
    def size_mb(self) -> float:
        """Size of the weights on disk, megabytes."""
        return self.source.size_mb()

    def save(self, folder: Path) -> None:
        """Write the model, its options, tokenizer and exported graph to a folder.

        ``Encoder.open(f"{folder}?runtime={precision}")`` has the same fingerprint and vectors, and
        exports nothing anew.
        """
        from purchasing_power.text.tokens import save_tokens

        self.source.copy(folder)
        save_tokens(self.source, folder)
        if self.runtime != FLOAT32:
            self._ready()
            place = folder / GRAPHS / self.fingerprint / self._graph
            shutil.copytree(self._export(), place, dirs_exist_ok=True)

    def encode(self, texts: Sequence[str], progress: bool = False) -> np.ndarray:
        """Encode texts, empty ones included.

        Parameters
        ----------
        texts
            Each is encoded as it stands, repeated ones once.
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
        # Like lengths go together, the longest first: what does not fit the memory fails at once. The order of
        # equal lengths is settled too, so that the same texts in another order make the same batches.
        distinct = sorted(set(texts), key=lambda text: (-len(text), text))
        sums = np.zeros((len(distinct), self.dimension), np.float32)
        hide = not progress or len(distinct) < MANY_TEXTS
        with tqdm(total=len(distinct), desc="encode", unit="text", disable=hide) as bar:
            for batch in self._batches(distinct):
                np.add.at(sums, batch.owner, batch.running.result() * batch.weight[:, None])
                bar.update(batch.finished)
        if not np.isfinite(sums).all():
            raise DataError(
                f"encoder {self.source.folder.name}: vectors with NaN or infinity; finite ones are needed. "
                "The weights are damaged or untrained: fetch the model again or name another."
            )
        sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
        place = {text: row for row, text in enumerate(distinct)}
        return sums[[place[text] for text in texts]]

    def _batches(self, texts: list[str]) -> Iterator[_Batch]:
        """Run batch after batch, a few ahead of the reader, while the next chunk of texts is tokenised."""
        chunks = _chunks(texts)
        if not chunks:
            return
        loaded = self._ready()
        ahead: deque[_Batch] = deque()
        coming = loaded.tokeniser.submit(loaded.tokens.windows, texts[chunks[0]])
        for at, chunk in enumerate(chunks):
            parts = coming.result()
            if at + 1 < len(chunks):
                coming = loaded.tokeniser.submit(loaded.tokens.windows, texts[chunks[at + 1]])
            for batch in loaded.submit(parts, chunk.start):
                ahead.append(batch)
                if len(ahead) > 2 * loaded.runtime.streams:
                    yield ahead.popleft()
        yield from ahead

    def _export(self) -> Path:
        """Folder of the exported graph: the model's own where it was saved with one."""
        own = self.source.folder / GRAPHS / self.fingerprint / self._graph
        return own if own.is_dir() else exports_folder() / self.fingerprint / self._graph

    def _ready(self) -> _Loaded:
        from purchasing_power.text.tokens import open_tokens

        with self._lock:
            if self._loaded is None:
                tokens = open_tokens(self.source)
                runtime = open_runtime(self.source, self.runtime, self.device, self._export())
                threads = ThreadPoolExecutor(runtime.streams, "encode")
                self._loaded = _Loaded(tokens, runtime, threads, ThreadPoolExecutor(1, "tokenise"))
            return self._loaded


class _Batch(NamedTuple):
    """Windows that run: the texts they belong to, their weights, and how many texts end with them."""

    running: Future[np.ndarray]
    owner: np.ndarray
    weight: np.ndarray
    finished: int


class _Loaded(NamedTuple):
    """A model in memory; its threads are shared by all callers, so that no more than ``streams`` batches run."""

    tokens: Tokens
    runtime: Runtime
    threads: ThreadPoolExecutor
    tokeniser: ThreadPoolExecutor

    def submit(self, parts: windows.Windows, first: int) -> Iterator[_Batch]:
        """Start the windows of a chunk whose first text has the position ``first``."""
        lengths = np.asarray([len(ids) for ids in parts.ids])
        # Every stream gets some of a small chunk.
        share = -(-int(lengths.max()) * len(lengths) // self.runtime.streams)
        last = np.append(parts.owner[1:] != parts.owner[:-1], True)
        for batch in windows.batches(lengths, min(self.runtime.budget, share)):
            running = self.threads.submit(self.runtime.pooled, [parts.ids[row] for row in batch])
            owner = parts.owner[batch] + first
            yield _Batch(running, owner, parts.weight[batch], int(last[batch].sum()))


def exports_folder() -> Path:
    """Folder that keeps exported graphs by fingerprint.

    The environment variable ``PURCHASING_POWER_ENCODERS`` names it; without one it lies in the user's cache
    folder (``XDG_CACHE_HOME``, or ``~/.cache``).
    """
    named = os.environ.get(EXPORTS_VARIABLE)
    if named:
        return Path(named)
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache, "purchasing_power", "encoders")


def _chunks(texts: list[str]) -> list[slice]:
    """Cut positions into runs of a bounded number of texts and characters."""
    found, start, characters = [], 0, 0
    for at, text in enumerate(texts):
        if at > start and (at - start >= CHUNK_TEXTS or characters + len(text) > CHUNK_CHARACTERS):
            found.append(slice(start, at))
            start, characters = at, 0
        characters += len(text)
    return [*found, slice(start, len(texts))] if texts else []
