"""Words that headers and file names of exports are made of, in several languages."""

from __future__ import annotations

import unicodedata
from functools import cache
from importlib import resources

import yaml


def plain(name: str) -> str:
    """A header name without case, blanks and punctuation."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(sign for sign in folded if sign.isalnum())


@cache
def _words() -> dict[str, dict[str, list[str]]]:
    path = resources.files("purchasing_power.shop.mapping") / "synonyms.yaml"
    words: dict[str, dict[str, list[str]]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return words


@cache
def column_words(column: str) -> tuple[str, ...]:
    """Plain header names of a contract column, most telling first (``unit_price``, ``order_total`` too)."""
    return tuple(dict.fromkeys(plain(str(word)) for word in _words()["columns"].get(column, [column])))


@cache
def header_words() -> frozenset[str]:
    """Plain header names of any column."""
    return frozenset(word for column in _words()["columns"] for word in column_words(column))


@cache
def personal_words() -> frozenset[str]:
    """Plain header names of what people are called by, reached at or found by."""
    words = _words()["personal"]
    return frozenset(plain(str(word)) for word in words)


def tables_named(file: str) -> list[str]:
    """Contract tables that the name of a file speaks of."""
    name = unicodedata.normalize("NFKC", file).casefold()
    return [table for table, words in _words()["files"].items() if any(str(word) in name for word in words)]
