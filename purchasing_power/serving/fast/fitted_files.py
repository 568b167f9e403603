"""Fitted parts of a bundle as plain attributes, read without scikit-learn, whose import takes 80 MB of a worker.

A file of skops is an archive of arrays and of a tree that names them. Here its objects become :class:`Fitted`, whatever
their class: nothing in the file is imported, made or run. What the reader does not know ends in ``Unknown``.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np

SCHEMA = "schema.json"


class Unknown(Exception):
    """A part that cannot be computed without the library that fitted it."""


class Fitted:
    """An object of a file: the name of its class, and its attributes."""

    def __init__(self, kind: str, attributes: dict[str, Any]) -> None:
        self.__dict__ |= attributes
        self.kind = kind

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{self.kind}: the file has no {name}")


def kind(part: Any) -> str:
    """Name of the class of a fitted object, or of the one that it was read from."""
    return part.kind if isinstance(part, Fitted) else type(part).__name__


def read(path: Path) -> Any:
    """Read a file that :func:`~purchasing_power.model.skops_files.dump` wrote.

    Raises
    ------
    Unknown
        If the file is damaged or holds something else than objects, arrays, lists and plain values.
    """
    try:
        with ZipFile(path) as archive:
            return _value(json.loads(archive.read(SCHEMA)), archive)
    except (OSError, BadZipFile, ValueError, KeyError, TypeError) as error:
        raise Unknown(f"{path.name}: {error}") from error


def _value(node: dict[str, Any], archive: ZipFile) -> Any:
    name = node["__loader__"]
    if name not in _READERS:
        raise Unknown(name)
    return _READERS[name](node, archive)


def _each(node: dict[str, Any], archive: ZipFile) -> list[Any]:
    return [_value(one, archive) for one in node["content"]]


def _mapping(node: dict[str, Any], archive: ZipFile) -> dict[str, Any]:
    return {key: _value(one, archive) for key, one in node["content"].items()}


def _object(node: dict[str, Any], archive: ZipFile) -> Fitted:
    attributes = node.get("content")
    return Fitted(node["__class__"], _value(attributes, archive) if attributes else {})


def _array(node: dict[str, Any], archive: ZipFile) -> np.ndarray:
    if node["type"] == "numpy":
        return np.load(io.BytesIO(archive.read(node["file"])), allow_pickle=False)
    found = np.empty(len(node["content"]), object)
    found[:] = _each(node, archive)
    return found.reshape(_value(node["shape"], archive))


# The type of a number or an array's elements is not needed: the arrays have it.
_READERS: dict[str, Callable[[dict[str, Any], ZipFile], Any]] = {
    "ObjectNode": _object,
    "DictNode": _mapping,
    "ListNode": _each,
    "TupleNode": lambda node, archive: tuple(_each(node, archive)),
    "JsonNode": lambda node, archive: json.loads(node["content"]),
    "NdArrayNode": _array,
    "TypeNode": lambda node, archive: node["__class__"],
    "DTypeNode": lambda node, archive: None,
    "SliceNode": lambda node, archive: None,
}
