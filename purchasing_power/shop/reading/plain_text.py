"""Text files of any encoding, packed or not, as UTF-8 on disk."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from purchasing_power.errors import DataError
from purchasing_power.shop.reading.encoding import Chunks, Encoding, broken_characters, decoded, find_encoding
from purchasing_power.shop.reading.staged import free_path

_CHUNK = 1 << 22
_PACKED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_NAMES = {"gb18030": "GB18030", "cp1252": "Windows-1252", "mac_roman": "Mac Roman", "utf-8": "UTF-8"}


@dataclass(frozen=True)
class PlainText:
    """A UTF-8 file: where it lies, the bytes before its text, and what was found."""

    path: Path
    mark: int
    found: tuple[str, ...]
    notes: tuple[str, ...]

    def head(self, size: int) -> str:
        """The text of the first bytes, without a character that their end cuts."""
        with self.path.open("rb") as handle:
            data = handle.read(self.mark + size)[self.mark :]
        return codecs.getincrementaldecoder("utf-8")().decode(data)


def as_plain_text(path: Path, scratch: Path, encoding: str | None = None) -> PlainText:
    """A text file as UTF-8: the file itself where it is that, else a copy in ``scratch``.

    Raises
    ------
    DataError
        If the file cannot be unpacked, or the stated encoding is unknown or not the file's.
    """
    packed = packing(path)
    chunks = _chunks(path, packed)
    found = find_encoding(chunks) if encoding is None else _stated(path, chunks, encoding)
    name = _NAMES.get(found.name, found.name.upper())
    parts = [f"unpacked from {packed}"] if packed else []
    if found.name != "utf-8" or found.mark:
        parts.append(f"read as {name}" + (" with a byte order mark" if found.mark else ""))
    broken = f"{found.broken} places are no {name}; the characters there are lost and stand as U+FFFD"
    notes = (broken,) if found.broken else ()
    if found.name == "utf-8" and not packed and not found.broken:
        return PlainText(path, found.mark, tuple(parts), notes)
    target = free_path(scratch, path.name, ".text")
    with target.open("w", encoding="utf-8", newline="") as handle:
        for text in decoded(chunks, found):
            handle.write(text)
    return PlainText(target, 0, tuple(parts), notes)


def packing(path: Path) -> str | None:
    """``gzip``, ``zstd`` or ``None``, by the first bytes of a file."""
    with path.open("rb") as handle:
        start = handle.read(4)
    return next((name for mark, name in _PACKED.items() if start.startswith(mark)), None)


def _chunks(path: Path, packed: str | None) -> Chunks:
    def read() -> Iterator[bytes]:
        try:
            with pa.input_stream(str(path), compression=packed) as stream:
                while chunk := stream.read(_CHUNK):
                    yield chunk
        except OSError as error:
            raise DataError(
                f"{path.name}: cannot be unpacked as {packed} ({type(error).__name__}). Give the whole file, or "
                "the unpacked one."
            ) from error

    return read


def _stated(path: Path, chunks: Chunks, name: str) -> Encoding:
    """The encoding that options state, with the mark that the file begins with."""
    try:
        canonical = codecs.lookup(name).name
    except LookupError:
        raise DataError(
            f"{path.name}: encoding {name} is unknown; allowed are names such as utf-8, gb18030, cp1252, utf-16. "
            "Correct it in the mapping file."
        ) from None
    canonical = "utf-8" if canonical == "utf-8-sig" else canonical
    marks = {"utf-8": codecs.BOM_UTF8, "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
    mark = marks.get(canonical, b"")
    start = next(chunks(), b"")
    return Encoding(canonical, len(mark) if start.startswith(mark) else 0, broken_characters(chunks, canonical))
