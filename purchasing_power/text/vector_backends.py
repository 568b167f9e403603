"""Where a process finds the vectors of one encoder: in the shards of a folder, or in its own memory."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np

from purchasing_power.text import shards
from purchasing_power.text.shards import Shard


class Files:
    """The shards of one encoder in a folder, as this process has them open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.open: dict[str, Shard | None] = {}
        self.lock = threading.Lock()

    def get(self, digests: np.ndarray, touch: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Look digests up, as :meth:`VectorStore.get` does."""
        left = np.arange(len(digests))
        found = np.zeros((len(digests), 0), np.float32)
        for shard in self._shards():
            values, at = shard.find(digests[left])
            if not found.shape[1]:
                found = np.empty((len(digests), shard.vectors.shape[1]), np.float32)
            if len(at):
                if touch:
                    shard.touch()
                found[left[at]] = values
                left = np.delete(left, at)
            if not len(left):
                break
        found[left] = 0
        return found, left

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


class Memory:
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
        found = np.zeros((len(rows), width), np.float32)
        for at, row in enumerate(rows):
            if row is not None:
                found[at] = row
        return found, np.flatnonzero([row is None for row in rows])

    def put(self, digests: np.ndarray, vectors: np.ndarray) -> None:
        """Take vectors in, and forget all others where they would be too many."""
        new = {digest.tobytes(): row for digest, row in zip(digests, vectors, strict=True)}
        with self.lock:
            if len(self.rows.keys() | new.keys()) > self.limit:
                self.rows = {}
            self.rows.update(list(new.items())[: self.limit])
