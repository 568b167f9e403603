"""Fitted scikit-learn objects as files: written with skops, and read only when every class in them is trusted."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from purchasing_power.errors import DataError

# The only classes outside skops' own list that a file may hold; anything else is refused on loading.
TRUSTED = (
    "numpy.dtype",
    "purchasing_power.model.columns.Categories",
    "purchasing_power.model.columns.moments",
    "purchasing_power.text.vectorize.EncodedDocuments",
    "purchasing_power.text.vectorize.TfidfDocuments",
    "skrub._datetime_encoder.DatetimeEncoder",
    "skrub._datetime_encoder._CircularEncoder",
    "skrub._string_encoder.StringEncoder",
    "skrub._to_str.ToStr",
    "sklearn._loss.loss.HalfTweedieLoss",
)
# Parts of scikit-learn and scipy that do nothing but import torch; skops imports every part it can find.
_TORCH_ADAPTERS = ("sklearn.externals.array_api_compat.torch", "scipy._lib.array_api_compat.torch")


def dump(fitted: Any, path: Path) -> None:
    """Write a fitted object."""
    with _without_torch():
        from skops import io as skops

    skops.dump(fitted, path)


def load(path: Path) -> Any:
    """Read what :func:`dump` wrote; nothing in the file is run.

    Raises
    ------
    DataError
        If the file holds a class that is not trusted.
    """
    # Importing skops imports every part of scikit-learn, which takes seconds: only who needs it pays.
    with _without_torch():
        from skops import io as skops

    unknown = sorted(set(skops.get_untrusted_types(file=path)) - set(TRUSTED))
    if unknown:
        raise DataError(
            f"model bundle: {path.name} holds {', '.join(unknown[:5])}; only classes of numpy, scikit-learn, "
            "skrub and this library are loaded. The file was not written by this library: train the model again."
        )
    return skops.load(path, trusted=list(TRUSTED))


@contextmanager
def _without_torch() -> Iterator[None]:
    """Leave torch's adapters out of what is imported inside, so that a worker without a network has no torch."""
    hidden = [name for name in _TORCH_ADAPTERS if name not in sys.modules]
    # None in sys.modules is how Python marks a module that must not be imported.
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)
