"""What runs a language model: one module for each runtime, opened through ``base``.

Imports ``text.checkpoint``, ``text.encoder_spec`` and ``text.tokens``.
Start with :mod:`~purchasing_power.text.runtime.base`.
"""
