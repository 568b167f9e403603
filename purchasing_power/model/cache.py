"""A memory of results that forgets the ones longest unused when they take too much room."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from scipy import sparse

T = TypeVar("T")


def recalled(memory: dict[Any, T], key: Hashable, make: Callable[[], T], limit: int) -> T:
    """The result kept under ``key``, made where it is missing.

    Parameters
    ----------
    memory
        Results by key, the one longest unused first; the last one used is kept whatever its size.
    limit
        Bytes that the results may take together.
    """
    value = memory.pop(key) if key in memory else make()
    memory[key] = value
    held = sum(map(_bytes, memory.values()))
    while held > limit and len(memory) > 1:
        held -= _bytes(memory.pop(next(iter(memory))))
    return value


def _bytes(value: Any) -> int:
    if isinstance(value, tuple):
        return sum(map(_bytes, value))
    if sparse.issparse(value):
        return value.data.nbytes + value.indices.nbytes + value.indptr.nbytes
    return int(value.nbytes)
