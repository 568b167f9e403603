"""Blocks of features: each module holds the Ibis expressions of one kind of row and a ``BLOCK``.

Imports the parts of ``snapshot`` that a feature is made of. Start with :mod:`~purchasing_power.snapshot.blocks.money`.
"""
