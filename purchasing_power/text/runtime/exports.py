"""Exported graphs and calibrations, made once per encoder and runtime."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exported(
    cache: Path | None, fingerprint: str, precision: str, write: Callable[[Path], None]
) -> Iterator[Path]:
    """Give the folder of an export, and have it written first where there is none.

    It lies in ``cache / fingerprint / precision``; without a cache in a folder that lives as long as the context. A new
    one is written under a temporary name and renamed: another process sees all of it or nothing, and where two write
    the same one, the first stays.
    """
    if cache is None:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder))
            yield Path(folder)
        return
    kept = cache / fingerprint / precision
    if not kept.is_dir():
        draft = kept.with_name(f"{precision}.{uuid.uuid4().hex}.draft")
        draft.mkdir(parents=True)
        try:
            write(draft)
            _rename(draft, kept)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    yield kept


def _rename(draft: Path, kept: Path) -> None:
    try:
        draft.rename(kept)
    except OSError:
        # A folder that is not empty cannot be replaced: another process was first.
        if not kept.is_dir():
            raise
