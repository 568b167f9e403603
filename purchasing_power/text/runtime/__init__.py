"""What runs a language model: one module for each runtime, opened through ``base``.

Imports ``text.checkpoint`` and ``text.tokens``. Start with :mod:`~purchasing_power.text.runtime.base`.
"""
