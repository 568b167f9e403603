"""How much one request may ask for."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields

from purchasing_power.errors import DataError

PREFIX = "PURCHASING_POWER_"


@dataclass(frozen=True)
class Limits:
    """Most that a request may hold; each is read from an environment variable of its name, in capitals.

    Attributes
    ----------
    max_rows
        Users (``PURCHASING_POWER_MAX_ROWS``).
    max_documents
        Documents of one user (``PURCHASING_POWER_MAX_DOCUMENTS``).
    max_characters
        Characters of all texts together (``PURCHASING_POWER_MAX_CHARACTERS``).
    max_events
        Orders, events and other raw rows of one user (``PURCHASING_POWER_MAX_EVENTS``).
    max_body_mb
        Megabytes of a body (``PURCHASING_POWER_MAX_BODY_MB``).
    """

    max_rows: int = 1_000
    max_documents: int = 4_096
    max_characters: int = 1_000_000
    max_events: int = 20_000
    max_body_mb: int = 16


def read_limits() -> Limits:
    """Limits of this process.

    Raises
    ------
    DataError
        If a variable holds something else than a whole number above 0.
    """
    stated = {}
    for field in fields(Limits):
        text = os.environ.get(PREFIX + field.name.upper())
        if text:
            if not (text.isascii() and text.isdigit() and int(text)):
                raise DataError(
                    f"environment variable {PREFIX}{field.name.upper()}: got {text!r}; a whole number above 0 is "
                    f"allowed. Set one, or unset it for {field.default}."
                )
            stated[field.name] = int(text)
    return Limits(**stated)
