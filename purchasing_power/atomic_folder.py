"""Folders that are there whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replaced(folder: Path, prefix: str | None = None) -> Iterator[Path]:
    """A draft folder beside ``folder`` that takes its place when the block ends without an error.

    Parameters
    ----------
    prefix
        What the draft's name begins with; by default that of the folder, hidden.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=prefix or f".{folder.name}-", dir=folder.parent))
    try:
        yield draft
        draft.chmod(0o755)
        old = draft.with_name(f"{draft.name}-old")
        if folder.exists():
            os.replace(folder, old)
        os.replace(draft, folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
