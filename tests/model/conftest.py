"""What tests of models may rely on: tiny random language models."""

from __future__ import annotations

from tiny_models import tiny_bert, tiny_gpt  # noqa: F401
