"""A cache of results that drops the ones longest unused when they take too much room."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from scipy import sparse

T = TypeVar("T")


def cached(cache: dict[Any, T], key: Hashable, make: Callable[[], T], limit: int) -> T:
    """The result under ``key``, made where it is missing.

    Parameters
    ----------
    cache
        Results by key, the one longest unused first; the last one used stays whatever its size.
    limit
        Bytes that the results may take together.
    """
    value = cache.pop(key) if key in cache else make()
    cache[key] = value
    size = sum(map(_bytes, cache.values()))
    while size > limit and len(cache) > 1:
        size -= _bytes(cache.pop(next(iter(cache))))
    return value


def _bytes(value: Any) -> int:
    if isinstance(value, tuple):
        return sum(map(_bytes, value))
    if sparse.issparse(value):
        return value.data.nbytes + value.indices.nbytes + value.indptr.nbytes
    return int(value.nbytes)
