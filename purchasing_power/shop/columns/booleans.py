"""Columns of two words that say yes and no, as 1 and 0."""

from __future__ import annotations

from purchasing_power.shop.columns.cells import Asked, Column, ColumnReading, Way, count_if, holds
from purchasing_power.shop.reading.sql import literal

_PAIRS = (
    ("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"), ("on", "off"), ("ja", "nein"), ("oui", "non"),
    ("si", "no"), ("sí", "no"), ("sim", "não"), ("是", "否"),
)  # fmt: skip
_WORDS = sorted({word for pair in _PAIRS for word in pair})
_LONGEST = max(len(word.encode()) for word in _WORDS)


def is_word(text: str) -> str:
    """Whether a trimmed text is one of the words, as SQL."""
    words = ", ".join(literal(word) for word in _WORDS)
    return f"CASE WHEN strlen({text}) <= {_LONGEST} THEN lower({text}) IN ({words}) ELSE false END"


def read_boolean(column: Column) -> Way:
    """One of the pairs as 1 and 0, its spellings joined; ``text`` as kind where the whole column is no such pair."""
    text = column.alias("text")
    asked = {
        "present": f"count({text})",
        "known": count_if(is_word(text)),
        "words": f"list(DISTINCT lower({text})) FILTER ({is_word(text)})",
        "spellings": f"count(DISTINCT {text}) FILTER ({is_word(text)})",
    }
    counts = yield Asked(asked, {text: column.clean})
    words = set(counts["words"] or [])
    # A lone yes may stand for one class of several that this export does not hold; true and false are a type.
    pair = next((pair for pair in _PAIRS if words == set(pair)), None)
    if words and words < set(_PAIRS[0]):
        pair = _PAIRS[0]
    if pair is None or counts["known"] < counts["present"]:
        return ColumnReading("text", column.clean, holds(column.clean), cells=counts["present"])
    cases = f"WHEN {literal(pair[0])} THEN 1.0::DOUBLE WHEN {literal(pair[1])} THEN 0.0::DOUBLE"
    value = f"CASE lower({column.trimmed}) {cases} END"
    how = f"{pair[0]} as 1 and {pair[1]} as 0"
    joined = f", {counts['spellings']} spellings joined" if counts["spellings"] > len(words) else ""
    notes = (column.note(f"read {how}{joined}"),)
    return ColumnReading("boolean", value, holds(value), how, counts["present"], 0, notes)
