"""Fitted scikit-learn objects as files: written with skops, and read only when every class in them is trusted."""

from __future__ import annotations

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


def dump(fitted: Any, path: Path) -> None:
    """Write a fitted object."""
    from skops import io as skops

    skops.dump(fitted, path)


def load(path: Path) -> Any:
    """Read what :func:`dump` wrote; nothing in the file is run.

    Raises
    ------
    DataError
        If the file holds a class that is not trusted.
    """
    # Importing skops imports every part of scikit-learn, and torch with it: only who needs it pays.
    from skops import io as skops

    unknown = sorted(set(skops.get_untrusted_types(file=path)) - set(TRUSTED))
    if unknown:
        raise DataError(
            f"model bundle: {path.name} holds {', '.join(unknown[:5])}; only classes of numpy, scikit-learn, "
            "skrub and this library are loaded. The file was not written by this library: train the model again."
        )
    return skops.load(path, trusted=list(TRUSTED))
