"""What tests of text may rely on: tiny random models, and a process without vectors."""

from __future__ import annotations

import pytest
from tiny_models import tiny_bert, tiny_gpt  # noqa: F401


@pytest.fixture
def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the vectors that this process holds, as a process that has just started does."""
    from purchasing_power.text import store

    monkeypatch.setattr(store, "_BACKENDS", {})
