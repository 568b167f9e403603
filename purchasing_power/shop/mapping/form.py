"""Values of a mapping file, each checked where it stands: the path of a fault is in its message."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, TypeVar

import yaml

from purchasing_power.errors import DataError

T = TypeVar("T")


class _Loader(yaml.SafeLoader):
    """YAML 1.2 words (``on`` and ``no`` are texts, as is ``007``), with keys that stand once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for place, key in enumerate(keys):
            if key in keys[:place]:
                line = node.value[place][0].start_mark.line + 1
                raise DataError(f"mapping: line {line}: the key {key!r} stands twice. Keep one of them.")
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, word) for tag, word in pairs if not tag.endswith((":bool", ":int", ":float"))]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|false)$"), list("tf"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^-?(0|[1-9][0-9]*)$"), list("-0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^-?[0-9]+\.[0-9]+$"), list("-0123456789"))


def parse_yaml(text: str, name: str) -> Any:
    """The YAML document of a text.

    Raises
    ------
    DataError
        If it is no YAML, or a key stands twice.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        problem = getattr(error, "problem", None) or type(error).__name__
        raise DataError(
            f"mapping {name}: {where}{problem}; a YAML file is needed. "
            "Put texts with quotes, colons or brackets in quotes of the other kind, and indent with blanks."
        ) from error


def nearest(name: str, allowed: Iterable[str]) -> str:
    """The names that are allowed, in words, that which is most like ``name`` first."""
    names = [str(part) for part in allowed]
    folded = {part.casefold(): part for part in names}
    close = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    hint = f'nearest is "{folded[close[0]]}"; ' if close else ""
    return f"{hint}allowed are {', '.join(names) or 'none'}"


def wrong(path: str, value: Any, allowed: str) -> DataError:
    """The error of a value of the wrong type."""
    kinds = {bool: "yes or no", int: "a number", float: "a number", str: "a text", list: "a list", dict: "keys"}
    shown = f" {value!r}" if isinstance(value, (bool, int, float)) else ""
    kind = "nothing" if value is None else kinds.get(type(value), f"a {type(value).__name__}")
    return DataError(f"mapping: {path}: got {kind}{shown}; allowed is {allowed}. Correct it in the mapping file.")


def keys(value: Any, path: str, allowed: Iterable[str] | None = None) -> dict[str, Any]:
    """A part of the file that holds keys; all of them texts, and known where ``allowed`` is given.

    Raises
    ------
    DataError
        If it is anything else, with the nearest allowed key.
    """
    if not isinstance(value, dict):
        some = "" if allowed is None else f" ({', '.join(allowed)})"
        raise wrong(path, value, f"keys with values{some}")
    for key in value:
        if not isinstance(key, str):
            raise DataError(
                f"mapping: {path}: the key {key!r} is no text to YAML; allowed are texts. Write it in quotes."
            )
        if allowed is not None and key not in allowed:
            raise DataError(f'mapping: {path}: unknown key "{key}"; {nearest(key, allowed)}. Correct the key.')
    return value


def text(value: Any, path: str) -> str:
    """A text that is not empty."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise wrong(path, value, f'a text: write "{value}" in quotes')
    if not isinstance(value, str) or not value.strip():
        raise wrong(path, value, "a text")
    return value


def rule_text(value: Any, path: str) -> str:
    """A column name or an expression; a number stands for itself."""
    return str(value) if type(value) in (int, float) else text(value, path)


def texts(
    value: Any, path: str, one: Callable[[Any, str], str] = text, *, may_be_empty: bool = False
) -> tuple[str, ...]:
    """A text, or a list of texts."""
    if not isinstance(value, list):
        return (one(value, path),)
    if not value and not may_be_empty:
        raise wrong(path, None, "a text or a list of texts")
    return tuple(one(part, f"{path}[{place}]") for place, part in enumerate(value))


def listed(value: Any, path: str, one: Callable[[Any, str], T]) -> tuple[T, ...]:
    """Every part of a list, or the one part that stands without a list."""
    parts = value if isinstance(value, list) else [value]
    return tuple(one(part, f"{path}[{place}]" if isinstance(value, list) else path) for place, part in enumerate(parts))


def whole(value: Any, path: str, least: int = 0) -> int:
    """A whole number of at least ``least``."""
    if type(value) is not int or value < least:
        raise wrong(path, value, f"a whole number from {least}")
    return value


def positive(value: Any, path: str) -> float:
    """A number above 0."""
    if type(value) not in (int, float) or not 0 < value < float("inf"):
        raise wrong(path, value, "a number above 0")
    return float(value)


def flag(value: Any, path: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise wrong(path, value, "true or false")
    return value


def choice(value: Any, path: str, allowed: Iterable[str]) -> str:
    """One of a few words."""
    word = text(value, path)
    if word not in allowed:
        raise DataError(f'mapping: {path}: got "{word}"; {nearest(word, allowed)}. Correct it.')
    return word
