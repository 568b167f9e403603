"""The fitted parts of a bundle as plain attributes, read without scikit-learn, whose import takes 80 MB of a worker.

A file of skops is an archive of arrays and of a tree that names them. Here its objects become :class:`Fitted`, whatever
their class: nothing in the file is imported, made or run. What the reader does not know ends in ``Unsupported``.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np

from purchasing_power.model.bundle_files import (
    BLEND,
    CALIBRATOR,
    ESTIMATOR,
    FEATURES,
    MEMBER,
    NETWORK,
    open_encoder_block,
)
from purchasing_power.model.heads.blend import BlendScorer
from purchasing_power.model.params import ModelParams
from purchasing_power.model.table_scorer import MatrixHead, TableScorer

SCHEMA = "schema.json"


class Unsupported(Exception):
    """A part that cannot be computed without the library that fitted it."""


class Fitted:
    """An object of a file: the name of its class, and its attributes."""

    def __init__(self, class_name: str, attributes: dict[str, Any]) -> None:
        self.__dict__ |= attributes
        self.class_name = class_name

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{self.class_name}: the file has no {name}")


def class_name(part: Any) -> str:
    """Name of the class of a fitted object, or of the one that it was read from."""
    return part.class_name if isinstance(part, Fitted) else type(part).__name__


def read_scorer(folder: Path, params: ModelParams) -> BlendScorer | TableScorer:
    """Read a scorer's folder.

    Raises
    ------
    Unsupported
        If a part of it can be computed by nothing but the library that fitted it.
    """
    if params.members:
        members = [
            read_scorer(folder / MEMBER.format(number), member.params) for number, member in enumerate(params.members)
        ]
        weights = tuple(member.weight for member in params.members)
        return BlendScorer(tuple(members), weights, json.loads((folder / BLEND).read_text())["task"])
    if not isinstance(params.head, MatrixHead):
        raise Unsupported(params.head.name)
    features = read(folder / FEATURES)
    open_encoder_block(features, folder)
    # A network is read without scikit-learn as it is.
    fitted = params.head.read(folder) if (folder / NETWORK).exists() else read(folder / ESTIMATOR)
    return TableScorer(params, features, fitted, centre=np.zeros(0))


def read_calibrator(folder: Path) -> Any:
    """Read the calibration of a bundle, ``None`` where it has none; see :func:`read_scorer`."""
    return read(folder / CALIBRATOR) if (folder / CALIBRATOR).exists() else None


def read(path: Path) -> Any:
    """Read a file that :func:`~purchasing_power.model.skops_files.dump` wrote.

    Raises
    ------
    Unsupported
        If the file is damaged or holds something else than objects, arrays, lists and plain values.
    """
    try:
        with ZipFile(path) as archive:
            return _value(json.loads(archive.read(SCHEMA)), archive)
    except (OSError, BadZipFile, ValueError, KeyError, TypeError) as error:
        raise Unsupported(f"{path.name}: {error}") from error


def _value(node: dict[str, Any], archive: ZipFile) -> Any:
    name = node["__loader__"]
    if name not in _READERS:
        raise Unsupported(name)
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
    elements = np.empty(len(node["content"]), object)
    elements[:] = _each(node, archive)
    return elements.reshape(_value(node["shape"], archive))


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
