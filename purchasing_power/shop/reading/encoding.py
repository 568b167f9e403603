"""The encoding of a text file, found from all of its bytes."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import charset_normalizer
import numpy as np

# Chunks of a file from its beginning, as often as it is called.
Chunks = Callable[[], Iterator[bytes]]

_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_EAST_ASIAN = ("gb18030", "big5", "cp932", "cp949", "euc_jp")
_SINGLE_BYTE = ("cp1252", "mac_roman", "cp1250", "cp1251")
_EVIDENCE = 1 << 16


@dataclass(frozen=True)
class Encoding:
    """How bytes are read: the name that Python knows, bytes of a byte order mark, and characters that are broken."""

    name: str
    mark: int = 0
    broken: int = 0


def find_encoding(chunks: Chunks) -> Encoding:
    """The encoding of a file: a mark, UTF-8 where all of it is valid, else what makes its letters plausible.

    UTF-8 with a few broken characters stays UTF-8; a broken character of another encoding is borne alike.
    """
    first = next(chunks(), b"")
    for mark, name in _MARKS.items():
        if first.startswith(mark):
            return Encoding(name, len(mark), broken_characters(chunks, name))
    if wide := _wide(first[:_EVIDENCE]):
        return Encoding(wide)
    broken = broken_characters(chunks, "utf-8")
    if not broken:
        return Encoding("utf-8")
    if broken * 10 <= _leads(chunks):
        return Encoding("utf-8", 0, broken)
    name = guess(_evidence(chunks))
    return Encoding(name, 0, broken_characters(chunks, name))


def decoded(chunks: Chunks, encoding: Encoding) -> Iterator[str]:
    """The text of a file, chunk by chunk; a broken character is U+FFFD."""
    decoder = codecs.getincrementaldecoder(encoding.name)(errors="replace")
    left_out = encoding.mark
    for chunk in chunks():
        yield decoder.decode(chunk[left_out:])
        left_out = 0
    yield decoder.decode(b"", final=True)


def broken_characters(chunks: Chunks, name: str) -> int:
    """Places of a file that are no character of an encoding."""
    decoder = codecs.getincrementaldecoder(name)(errors="strict")
    try:
        for chunk in chunks():
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        replaced = sum(text.count("\ufffd") for text in decoded(chunks, Encoding(name)))
        written = "\ufffd".encode(name, errors="ignore")
        meant = sum(chunk.count(written) for chunk in chunks()) if written else 0
        return max(replaced - meant, 1)
    return 0


def _wide(data: bytes) -> str | None:
    """UTF-16 without a mark, by zeros that stand in every other byte alone."""
    zeros = np.frombuffer(data, dtype=np.uint8) == 0
    even, odd = int(zeros[0::2].sum()), int(zeros[1::2].sum())
    if max(even, odd) * 20 < len(data) or min(even, odd) * 10 > max(even, odd):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _leads(chunks: Chunks) -> int:
    return sum(int((np.frombuffer(chunk, dtype=np.uint8) >= 0xC2).sum()) for chunk in chunks())


def _evidence(chunks: Chunks) -> bytes:
    """Lines of all parts of a file that hold more than ASCII."""
    lines: list[bytes] = []
    size = 0
    for chunk in chunks():
        here = 0
        for line in chunk.splitlines() if not chunk.isascii() else []:
            if not line.isascii() and here < _EVIDENCE:
                lines.append(line[:4096])
                here += len(line)
        size += here
        if size > 16 * _EVIDENCE:
            break
    return b"\n".join(lines)


def guess(data: bytes) -> str:
    """The encoding, other than UTF-8, in which most characters of some lines are plausible.

    Chinese is told by characters of GB2312's first level, which hold nearly all of a text; other East Asian encodings,
    whose bytes overlap with it, by charset-normalizer; one-byte encodings by letters among letters.
    """
    if _first_level(data) >= 0.9:
        return "cp949" if _hangul_alone(data) else "gb18030"
    high = sum(byte >= 0x80 for byte in data)
    in_pairs = sum(len(run) for run in re.findall(rb"[\x80-\xff]{2,}", data))
    east_asian = _library_guess(data, _EAST_ASIAN) if in_pairs * 2 >= high else None
    scores = {name: plausibility(data.decode(name, errors="replace")) for name in _SINGLE_BYTE}
    best = max(scores, key=lambda name: scores[name])
    if east_asian is not None and scores[best] < 0.5:
        return east_asian
    if scores[best] <= 0 and (other := _library_guess(data, None)):
        return other
    return best


def _hangul_alone(data: bytes) -> bool:
    """Whether all of a dozen characters or more are Korean syllables, whose bytes are those of half of the Chinese."""
    letters = {c for c in data.decode("cp949", errors="replace") if c > "\x7f" and unicodedata.category(c)[0] in "LC"}
    return len(letters) >= 12 and all("가" <= c <= "힣" for c in letters)


def _library_guess(data: bytes, names: tuple[str, ...] | None) -> str | None:
    isolated = list(names) if names else None
    best = charset_normalizer.from_bytes(data[:_EVIDENCE], cp_isolation=isolated, enable_fallback=False).best()
    return best.encoding if best else None


def _first_level(data: bytes) -> float:
    """Share of the characters beyond ASCII that are GB2312's punctuation or first level, in GB18030."""
    characters = [c for c in data.decode("gb18030", errors="replace") if c > "\x7f"]
    leads = [c.encode("gb18030") for c in characters]
    common = sum(len(b) == 2 and (0xB0 <= b[0] <= 0xD7 or 0xA1 <= b[0] <= 0xA3) and b[1] >= 0xA1 for b in leads)
    return common / len(characters) if characters else 0.0


_WESTERN = set("äöüßéèêëàâçîïôûùñáíóúãõåøæœ")
_CENTRAL = set("ąćęłńśźżčďěňřšťůýžőű")
_SIGNS = set("€£°½¼¾×–—“”„‘’…™®©«»§²³¿¡·•\u00a0µ№")


def plausibility(text: str) -> float:
    """Mean over the characters beyond ASCII, from -1 to 1: letters stand in words of one script, signs beside them."""
    scores = [_score(text[max(i - 1, 0) : i], c, text[i + 1 : i + 2]) for i, c in enumerate(text) if c > "\x7f"]
    return sum(scores) / len(scores) if scores else 0.0


def _score(before: str, c: str, after: str) -> float:
    if c == "\ufffd" or unicodedata.category(c) == "Cc":
        return -1.0
    if not c.isalpha():
        between = before.isalpha() and after.isalpha()
        return (0.5 if not between or c in "’–\u00a0" else -0.5) if c in _SIGNS else -0.5
    if before.isdigit() or after.isdigit() or (c.isupper() and before.islower()) or (c.islower() and after.isupper()):
        return -0.5
    neighbours = [n for n in (before, after) if n.isalpha()]
    cyrillic = "а" <= c.lower() <= "ё"
    if any(("а" <= n.lower() <= "ё") != cyrillic for n in neighbours):
        return -1.0
    if cyrillic:
        return 0.9 if neighbours else 0.2
    if len(neighbours) == 2 and min(neighbours) > "\x7f":
        return -0.5
    return 1.0 if c.lower() in _WESTERN else 0.9 if c.lower() in _CENTRAL else 0.2
