"""The one error a person can act on."""

from __future__ import annotations


class DataError(ValueError):
    """Input that cannot be used: the message says what was got, what is allowed and what to do.

    Entry points print the message without a traceback and end with exit code 2.
    Messages never hold a user id or a user's text.
    """
