"""Texts as numbers: words, encoders, the vector store, and transformers of the ``documents`` column.

Imports the errors and the user table alone. Start with :mod:`~purchasing_power.text.vectorize`, then ``encoder``.
"""
