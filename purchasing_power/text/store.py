"""Vectors by content: each distinct text is encoded once, ever, and the store never holds the text."""

from __future__ import annotations

import hashlib
import os
import threading
import time
import uuid
import warnings
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from tqdm.auto import tqdm

from purchasing_power.text.encoder import Encoder

# Texts encoded between two writes: what a killed process can lose.
CHUNK = 1000
# Vectors that a store without a folder keeps; a server that reads new texts for weeks stays bounded.
MEMORY_ROWS = 100_000
DRAFT_AGE_S = 3600
DIGEST_BYTES = 32


class VectorStore:
    """Vectors keyed by (encoder fingerprint, SHA-256 of the text).

    Each ``put`` writes one shard, under a temporary name first and then renamed, so that a killed
    process leaves no half shard and several processes can write at once. A shard whose checksum
    fails is passed over with a warning, and its texts are encoded again. Shards that this process
    has read stay in memory.

    Parameters
    ----------
    folder
        Where the shards lie, made by the first ``put``; ``None`` keeps vectors in this process alone,
        at most ``MEMORY_ROWS`` of them.
    """

    def __init__(self, folder: Path | str | None) -> None:
        self.folder = None if folder is None else Path(folder).resolve()

    def get(self, fingerprint: str, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Look texts up.

        Returns
        -------
        vectors
            float32, shape (n_texts, dimension), zeros where missing; dimension 0 if the store is empty.
        missing
            Positions of the texts that the store does not hold.
        """
        shelf = self._shelf(fingerprint)
        if self.folder is not None:
            shelf.read_new(self.folder / fingerprint)
        return shelf.get(_digests(texts))

    def put(self, fingerprint: str, texts: Sequence[str], vectors: np.ndarray) -> None:
        """Keep the vectors of texts: shape (n_texts, dimension), stored as float32."""
        digests, vectors = _digests(texts), np.ascontiguousarray(vectors, np.float32)
        shelf = self._shelf(fingerprint)
        name = None
        if self.folder is not None and len(digests):
            name = _write_shard(self.folder / fingerprint, digests, vectors)
        shelf.add(digests, vectors, name, limit=MEMORY_ROWS if self.folder is None else None)

    def _shelf(self, fingerprint: str) -> _Shelf:
        with _SHELVES_LOCK:
            return _SHELVES.setdefault((self.folder, fingerprint), _Shelf())


class _Shelf:
    """Vectors of one store and encoder that this process has in memory."""

    def __init__(self) -> None:
        self.rows: dict[bytes, int] = {}
        self.values = np.zeros((0, 0), np.float32)
        self.seen: set[str] = set()
        self.lock = threading.Lock()

    def read_new(self, folder: Path) -> None:
        """Read the shards that have come since the last look."""
        names = {entry.name for entry in os.scandir(folder)} if folder.is_dir() else set()
        for name in sorted(n for n in names - self.seen if n.endswith(".safetensors")):
            shard = _read_shard(folder / name)
            self.add(*shard, name)

    def add(
        self, digests: list[bytes], vectors: np.ndarray, name: str | None, limit: int | None = None
    ) -> None:
        """Take in vectors, and the name of the shard that holds them."""
        with self.lock:
            if name is not None:
                self.seen.add(name)
            if limit is not None and len(self.rows) + len(digests) > limit:
                self.rows, self.values = {}, np.zeros((0, 0), np.float32)
            new = {digest: place for place, digest in enumerate(digests) if digest not in self.rows}
            kept = list(new)[:limit]
            start = len(self.rows)
            if kept:
                self._reserve(start + len(kept), vectors.shape[1])
                self.values[start : start + len(kept)] = vectors[[new[digest] for digest in kept]]
            self.rows.update((digest, start + row) for row, digest in enumerate(kept))

    def get(self, digests: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
        """Look digests up, as :meth:`VectorStore.get` does."""
        with self.lock:
            rows = np.fromiter((self.rows.get(digest, -1) for digest in digests), np.int64, len(digests))
            found = rows >= 0
            vectors = np.zeros((len(digests), self.values.shape[1]), np.float32)
            vectors[found] = self.values[rows[found]]
        return vectors, np.flatnonzero(~found)

    def _reserve(self, needed: int, width: int) -> None:
        if needed > len(self.values):
            grown = np.zeros((max(needed, 2 * len(self.values)), width), np.float32)
            if self.rows:
                grown[: len(self.rows)] = self.values[: len(self.rows)]
            self.values = grown


_SHELVES: dict[tuple[Path | None, str], _Shelf] = {}
_SHELVES_LOCK = threading.Lock()


def vectors(
    encoder: Encoder,
    texts: Sequence[str],
    store: VectorStore,
    progress: bool = False,
    warm: VectorStore | None = None,
) -> np.ndarray:
    """Give the vectors of texts, encoding only distinct texts that no store holds.

    Parameters
    ----------
    store
        Looked up and written to, every ``CHUNK`` texts.
    progress
        Show a bar while encoding.
    warm
        A second store, such as a model bundle's, that is only read.

    Returns
    -------
    np.ndarray
        float32, shape (n_texts, dimension).
    """
    place = {text: row for row, text in enumerate(dict.fromkeys(texts))}
    distinct = list(place)
    result = np.zeros((len(distinct), encoder.dimension), np.float32)
    left = np.arange(len(distinct))
    for source in (warm, store):
        if source is not None and len(left):
            found, missing = source.get(encoder.fingerprint, [distinct[row] for row in left])
            known = np.delete(np.arange(len(left)), missing)
            if len(known):
                result[left[known]] = found[known]
            left = left[missing]
    left = left[np.argsort([len(distinct[row]) for row in left], kind="stable")]
    with tqdm(
        total=len(left), desc="encode texts", unit="text", disable=not progress or not len(left)
    ) as bar:
        for start in range(0, len(left), CHUNK):
            rows = left[start : start + CHUNK]
            chunk = [distinct[row] for row in rows]
            result[rows] = encoder.encode(chunk)
            store.put(encoder.fingerprint, chunk, result[rows])
            bar.update(len(rows))
    return result[[place[text] for text in texts]]


def warm(encoder: str, texts: Sequence[str], folder: str | None) -> None:
    """Encode the distinct texts that the store in ``folder`` lacks, with a bar; later look-ups find them."""
    vectors(Encoder.open(encoder), texts, VectorStore(folder), progress=True)


def _digests(texts: Sequence[str]) -> list[bytes]:
    # A lone surrogate is a str that UTF-8 refuses; it must still have a digest of its own.
    return [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]


def _write_shard(folder: Path, digests: list[bytes], vectors: np.ndarray) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    keys = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, DIGEST_BYTES)
    content = save({"digests": keys, "vectors": vectors}, metadata={"crc32": str(_checksum(keys, vectors))})
    name = f"{uuid.uuid4().hex}.safetensors"
    draft = folder / f"{name}.draft"
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, folder / name)
    return name


def _sweep(folder: Path) -> None:
    """Remove drafts that a killed process left; a young one may belong to a process at work."""
    for draft in folder.glob("*.draft"):
        # Another process may sweep the same folder.
        with suppress(FileNotFoundError):
            if time.time() - draft.stat().st_mtime > DRAFT_AGE_S:
                draft.unlink()


def _read_shard(path: Path) -> tuple[list[bytes], np.ndarray]:
    try:
        with safe_open(path, "np") as shard:
            keys, values = shard.get_tensor("digests"), shard.get_tensor("vectors")
            if (shard.metadata() or {}).get("crc32") != str(_checksum(keys, values)):
                raise ValueError("checksum")
        return [key.tobytes() for key in keys], values
    except (OSError, ValueError, SafetensorError) as error:
        warnings.warn(
            f"vector store: {path.name} cannot be read ({type(error).__name__}); its texts are encoded again. "
            "The file may be deleted.",
            stacklevel=2,
        )
        return [], np.zeros((0, 0), np.float32)


def _checksum(keys: np.ndarray, values: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(values).data, zlib.crc32(np.ascontiguousarray(keys).data))
