"""Vectors by content: each distinct text is encoded once, ever, and the store never holds the text."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from purchasing_power.errors import DataError
from purchasing_power.text import shards
from purchasing_power.text.encoder import Encoder
from purchasing_power.text.shards import Shard

# Texts encoded between two writes, which a killed process can lose: fewer where the model is large and slow.
CHUNK = 1000
CHUNK_MB = 100
# Vectors that a store without a folder keeps; a server that reads new texts for weeks stays bounded.
MEMORY_ROWS = 100_000
DTYPES = ("float32", "float16")


class VectorStore:
    """Vectors keyed by (encoder fingerprint and runtime, SHA-256 of the text).

    Each ``put`` writes one shard, under a temporary name first and then renamed, so that a killed
    process leaves no half shard and several processes can write at once. Small shards are joined once
    there are many. A vector whose checksum fails is passed over with a warning, and its text is encoded
    again. Only digests are held in memory; vectors are read where they lie.

    Parameters
    ----------
    folder
        Where the shards lie, made by the first ``put``; ``None`` keeps vectors in this process alone,
        at most ``MEMORY_ROWS`` of them.
    dtype
        ``"float32"`` or ``"float16"`` (half the size, about three decimals): what ``put`` writes. Both are read.
    """

    def __init__(self, folder: Path | str | None, dtype: str = "float32") -> None:
        if dtype not in DTYPES:
            raise DataError(f"vector store: dtype: got {dtype!r}; allowed are {', '.join(DTYPES)}. Set one of them.")
        self.folder = None if folder is None else Path(folder).resolve()
        self.dtype = dtype

    def get(self, key: str, texts: Sequence[str], touch: bool = True) -> tuple[np.ndarray, np.ndarray]:
        """Look texts up.

        Parameters
        ----------
        key
            The ``store_key`` of an encoder.
        touch
            Note the use on the shards, for :func:`prune`; nothing is written without it.

        Returns
        -------
        vectors
            float32, shape (n_texts, dimension), zeros where missing; dimension 0 if the store is empty.
        missing
            Positions of the texts that the store does not hold.
        """
        return self._backend(key).get(_digests(texts), touch)

    def put(self, key: str, texts: Sequence[str], vectors: np.ndarray) -> np.ndarray:
        """Store the vectors of texts: shape (n_texts, dimension).

        Returns
        -------
        np.ndarray
            What ``get`` will give: float32, shape (n_texts, dimension), rounded to the store's dtype.
        """
        rounded = np.ascontiguousarray(vectors, np.dtype(self.dtype))
        if len(texts):
            self._backend(key).put(_digests(texts), rounded)
        return rounded.astype(np.float32)

    def _backend(self, key: str) -> FolderBackend | MemoryBackend:
        with _BACKENDS_LOCK:
            new = MemoryBackend(MEMORY_ROWS) if self.folder is None else FolderBackend(self.folder / key)
            return _BACKENDS.setdefault((self.folder, key), new)


class FolderBackend:
    """The shards of one encoder in a folder, as this process has them open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.open: dict[str, Shard | None] = {}
        self.lock = threading.Lock()

    def get(self, digests: np.ndarray, touch: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Look digests up, as :meth:`VectorStore.get` does."""
        left = np.arange(len(digests))
        result = np.zeros((len(digests), 0), np.float32)
        for shard in self._shards():
            values, at = shard.find(digests[left])
            if not result.shape[1]:
                result = np.empty((len(digests), shard.vectors.shape[1]), np.float32)
            if len(at):
                if touch:
                    shard.touch()
                result[left[at]] = values
                left = np.delete(left, at)
            if not len(left):
                break
        result[left] = 0
        return result, left

    def put(self, digests: np.ndarray, vectors: np.ndarray) -> None:
        """Write a shard, and tidy the folder where that is due."""
        shard = shards.write(self.folder, digests, vectors)
        with self.lock:
            self.open[shard.path.name] = shard
        shards.sweep(self.folder)
        shards.join(self.folder, self._shards())

    def _shards(self) -> list[Shard]:
        """Open the shards that have come since the last look, and forget those that have gone."""
        names = {entry.name for entry in os.scandir(self.folder)} if self.folder.is_dir() else set()
        names = {name for name in names if name.endswith(shards.ENDING)}
        with self.lock:
            for name in names - self.open.keys():
                self.open[name] = shards.read(self.folder / name)
            for name in self.open.keys() - names:
                del self.open[name]
            return [shard for _, shard in sorted(self.open.items()) if shard is not None]


class MemoryBackend:
    """Vectors of one encoder that this process alone has.

    Parameters
    ----------
    limit
        Most vectors.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.rows: dict[bytes, np.ndarray] = {}
        self.lock = threading.Lock()

    def get(self, digests: np.ndarray, touch: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Look digests up, as :meth:`VectorStore.get` does."""
        with self.lock:
            rows = [self.rows.get(digest.tobytes()) for digest in digests]
        width = next((len(row) for row in rows if row is not None), 0)
        result = np.zeros((len(rows), width), np.float32)
        for at, row in enumerate(rows):
            if row is not None:
                result[at] = row
        return result, np.flatnonzero([row is None for row in rows])

    def put(self, digests: np.ndarray, vectors: np.ndarray) -> None:
        """Hold vectors, and forget all others where they would be too many."""
        new = {digest.tobytes(): row for digest, row in zip(digests, vectors, strict=True)}
        with self.lock:
            if len(self.rows.keys() | new.keys()) > self.limit:
                self.rows = {}
            self.rows.update(list(new.items())[: self.limit])


_BACKENDS: dict[tuple[Path | None, str], FolderBackend | MemoryBackend] = {}
_BACKENDS_LOCK = threading.Lock()


def vectors(
    encoder: Encoder,
    texts: Sequence[str],
    store: VectorStore | None,
    progress: bool = False,
    warm: VectorStore | None = None,
) -> np.ndarray:
    """Give the vectors of texts, encoding only distinct texts that no store holds.

    Parameters
    ----------
    store
        Looked up and written to, after every ``CHUNK`` texts or fewer; ``None`` keeps nothing.
    progress
        Show a bar while encoding.
    warm
        A second store, such as a model bundle's, that is only read.

    Returns
    -------
    np.ndarray
        float32, shape (n_texts, dimension).
    """
    row_of = {text: row for row, text in enumerate(dict.fromkeys(texts))}
    distinct = list(row_of)
    result, left = _look_up(encoder, distinct, [(warm, False), (store, True)])
    # The same texts in another order make the same chunks, and so the same vectors to the last digit.
    left = np.asarray(sorted(left, key=lambda row: (len(distinct[row]), distinct[row])), np.int64)
    with tqdm(total=len(left), desc="encode texts", unit="text", disable=not progress or not len(left)) as bar:
        step = _chunk(encoder) if len(left) else 1
        for start in range(0, len(left), step):
            rows = left[start : start + step]
            chunk = [distinct[row] for row in rows]
            encoded = encoder.encode(chunk)
            # What the store gives back next time is what is given now.
            result[rows] = encoded if store is None else store.put(encoder.store_key, chunk, encoded)
            bar.update(len(rows))
    # Most callers give each text once: then the rows are in order.
    return result if len(distinct) == len(texts) else result[[row_of[text] for text in texts]]


def store_folder(workspace: Path | str) -> str:
    """Where the vector store of a workspace lies."""
    return str(Path(workspace, "vectors"))


def warm(spec: str, texts: Sequence[str], folder: str | None) -> None:
    """Encode the distinct texts that the store in ``folder`` lacks, with a bar; later look-ups find them."""
    vectors(Encoder.open(spec), texts, VectorStore(folder), progress=True)


def prune(folder: Path | str, max_mb: float) -> float:
    """Remove the least recently used shards of a store until it holds at most ``max_mb`` megabytes.

    Readers and writers may go on meanwhile: a text that is gone is encoded again.

    Returns
    -------
    float
        Megabytes removed.

    Raises
    ------
    DataError
        If ``max_mb`` is negative.
    """
    if not max_mb >= 0:
        raise DataError(f"vector store: max_mb: got {max_mb}; give 0 megabytes or more.")
    files = []
    for home in filter(Path.is_dir, Path(folder).glob("*")):
        shards.sweep(home)
        files += [(stat.st_mtime, stat.st_size, path) for path, stat in shards.file_stats(home)]
    excess = sum(size for _, size, _ in files) - max_mb * 1e6
    removed = 0
    for _, size, path in sorted(files):
        if removed >= excess:
            break
        # A shard that is being joined with others must not be removed and come back.
        with shards.locked(path.parent, wait=True), suppress(FileNotFoundError):
            path.unlink()
            removed += size
    return removed / 1e6


def _look_up(
    encoder: Encoder, texts: list[str], sources: list[tuple[VectorStore | None, bool]]
) -> tuple[np.ndarray, np.ndarray]:
    """Give vectors, shape (n_texts, dimension), and the positions of the texts that no store holds."""
    result = np.zeros((len(texts), encoder.dimension), np.float32)
    left = np.arange(len(texts))
    for source, touch in sources:
        if source is None:
            continue
        found, missing = source.get(encoder.store_key, [texts[row] for row in left], touch)
        if len(texts) and not len(missing) and len(left) == len(texts):
            return found, missing
        known = np.setdiff1d(np.arange(len(left)), missing, assume_unique=True)
        if len(known):
            result[left[known]] = found[known]
        left = left[missing]
    return result, left


def _chunk(encoder: Encoder) -> int:
    """Texts between two writes: the larger the model, the more work a text is."""
    return max(CHUNK // 8, min(CHUNK, int(CHUNK * CHUNK_MB / max(encoder.size_mb, 1))), 1)


def digest(text: str) -> bytes:
    """SHA-256 of a text."""
    # A lone surrogate is a str that UTF-8 refuses; it must still have a digest of its own.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _digests(texts: Sequence[str]) -> np.ndarray:
    """SHA-256 of each text: uint8, shape (n_texts, 32)."""
    return np.frombuffer(b"".join(map(digest, texts)), np.uint8).reshape(-1, shards.DIGEST_BYTES)
