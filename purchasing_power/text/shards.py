"""Shards of a vector store: immutable files of vectors sorted by digest, read where they lie."""

from __future__ import annotations

import fcntl
import json
import os
import time
import uuid
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import save

ENDING = ".safetensors"
DIGEST_BYTES = 32
# A shard of this size is left alone; smaller ones are joined once there are many.
FULL_BYTES = 16_000_000
MANY_SHARDS = 16
DRAFT_AGE_S = 3600
# A shard's time of change says when it was last used, to this many seconds.
USED_AGE_S = 60
LOCK_FILE = "lock"


@dataclass(frozen=True)
class Shard:
    """A shard opened for reading; only its keys are in memory.

    Attributes
    ----------
    digests
        Digests of the texts, ascending, uint8, shape (n, 32).
    keys
        The first eight bytes of each as a number, ascending, shape (n,).
    checks
        CRC-32 of each vector, begun with its digest, shape (n,).
    vectors
        float16 or float32, shape (n, dimension), mapped from the file.
    """

    path: Path
    digests: np.ndarray
    keys: np.ndarray
    checks: np.ndarray
    vectors: np.ndarray

    @property
    def full(self) -> bool:
        """Whether the shard is too large to be joined with others."""
        return self.vectors.nbytes >= FULL_BYTES

    def find(self, digests: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the vectors of those digests whose vectors are intact, and their positions."""
        at, rows = self._positions(digests)
        values = self.vectors[rows]
        intact = _checks(digests[at], values) == self.checks[rows]
        if not intact.all():
            _warn(self.path, "checksum")
            at, values = at[intact], values[intact]
        return values, at

    def touch(self) -> None:
        """Note that the shard was used."""
        # A read-only or pruned shard serves all the same.
        with suppress(OSError):
            if time.time() - self.path.stat().st_mtime > USED_AGE_S:
                os.utime(self.path)

    def _positions(self, digests: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the digests that are here, and their rows."""
        wanted = _keys(digests)
        rows = np.searchsorted(self.keys, wanted)
        at = np.flatnonzero(self.keys[np.minimum(rows, len(self.keys) - 1)] == wanted)
        rows = rows[at]
        same = (self.digests[rows] == digests[at]).all(axis=1)
        return at[same], rows[same]


def write(folder: Path, digests: np.ndarray, vectors: np.ndarray) -> Shard:
    """Write a shard under a temporary name, then give it its own.

    Parameters
    ----------
    digests
        uint8, shape (n, 32), n at least 1; of equal ones the first counts.
    vectors
        float16 or float32, shape (n, dimension).
    """
    digests, rows = np.unique(digests, axis=0, return_index=True)
    vectors = np.ascontiguousarray(vectors[rows])
    checks = _checks(digests, vectors)
    content = save({"digests": digests, "checks": checks, "vectors": vectors})
    path = folder / f"{uuid.uuid4().hex}{ENDING}"
    draft = path.with_suffix(".draft")
    folder.mkdir(parents=True, exist_ok=True)
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
    return Shard(path, digests, _keys(digests), checks, vectors)


def read(path: Path) -> Shard | None:
    """Open a shard; ``None`` with a warning if it is damaged, and without one if it is gone."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length)) if length < path.stat().st_size else {}
        parts = {name: _mapped(path, 8 + length, header[name]) for name in ("digests", "checks", "vectors")}
    except FileNotFoundError:
        # Another process joined or pruned it since the folder was listed.
        return None
    except (OSError, ValueError, KeyError) as error:
        _warn(path, type(error).__name__)
        return None
    digests, checks = np.array(parts["digests"]), np.array(parts["checks"])
    keys = _keys(digests)
    if not len(keys) or (keys[1:] < keys[:-1]).any():
        _warn(path, "digests out of order")
        return None
    return Shard(path, digests, keys, checks, parts["vectors"])


def join(folder: Path, shards: list[Shard]) -> None:
    """Join the small shards of a folder into one of each precision, once there are many of them.

    Readers lose nothing: the joined shard is there before the small ones go. One process at a time
    does it; another that comes meanwhile leaves it to that one.
    """
    small = sorted((shard for shard in shards if not shard.full), key=lambda shard: shard.vectors.nbytes)
    if len(small) < MANY_SHARDS:
        return
    with locked(folder, wait=False) as held:
        for dtype in {shard.vectors.dtype for shard in small} if held else ():
            _join([shard for shard in small if shard.vectors.dtype == dtype])


def sweep(folder: Path) -> None:
    """Remove drafts that a killed process left; a young one may belong to a process at work."""
    for draft in folder.glob("*.draft"):
        # Another process may sweep the same folder.
        with suppress(FileNotFoundError):
            if time.time() - draft.stat().st_mtime > DRAFT_AGE_S:
                draft.unlink()


def file_stats(folder: Path) -> list[tuple[Path, os.stat_result]]:
    """Shards of a folder with the ``stat`` that says their size and time of last use."""
    stats = []
    for path in folder.glob(f"*{ENDING}"):
        with suppress(FileNotFoundError):
            stats.append((path, path.stat()))
    return stats


@contextmanager
def locked(folder: Path, wait: bool) -> Iterator[bool]:
    """Hold the right to remove shards of a folder; a killed process gives it back."""
    with (folder / LOCK_FILE).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _join(shards: list[Shard]) -> None:
    """Join shards, the smallest first, until the joint one is full."""
    digests, vectors, joined, last_use = [], [], [], 0.0
    for shard in shards:
        # What another process removed since must not come back.
        with suppress(FileNotFoundError):
            last_use = max(last_use, shard.path.stat().st_mtime)
            values, rows = shard.find(shard.digests)
            digests.append(shard.digests[rows])
            vectors.append(values)
            joined.append(shard.path)
        if sum(part.nbytes for part in vectors) >= FULL_BYTES:
            break
    if len(joined) < 2:
        return
    new = write(joined[0].parent, np.concatenate(digests), np.concatenate(vectors))
    os.utime(new.path, (last_use, last_use))
    for path in joined:
        path.unlink(missing_ok=True)


def _mapped(path: Path, start: int, part: dict) -> np.ndarray:
    """Map one tensor of a safetensors file (its format: 8 bytes of length, JSON header, data)."""
    dtype = {"U8": np.uint8, "U32": np.uint32, "F16": np.float16, "F32": np.float32}[part["dtype"]]
    first, end = part["data_offsets"]
    if start + end > path.stat().st_size:
        raise ValueError("truncated")
    # A plain view: the class np.memmap slows every look-up down.
    return np.asarray(np.memmap(path, dtype, "r", start + first, tuple(part["shape"])))


def _keys(digests: np.ndarray) -> np.ndarray:
    # Big-endian, so that numbers sort as bytes do.
    return np.ascontiguousarray(digests[:, :8]).view(">u8").ravel().astype(np.uint64)


def _checks(digests: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """CRC-32 of each vector, begun with its digest's first four bytes, shape (n,)."""
    starts = np.ascontiguousarray(digests[:, :4]).view("<u4").ravel().tolist()
    rows = np.ascontiguousarray(vectors).view(np.uint8)
    return np.fromiter(map(zlib.crc32, rows, starts), np.uint32, len(rows))


def _warn(path: Path, reason: str) -> None:
    warnings.warn(
        f"vector store: {path.name} cannot be read ({reason}); its texts are encoded again. The file may be deleted.",
        stacklevel=2,
    )
