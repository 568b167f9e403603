"""What tests of serving may rely on: tiny random language models."""

from __future__ import annotations

from tiny_models import tiny_bert  # noqa: F401
