"""Kinds of model: one module each, and the registry that opens any bundle by its kind.

Imports all layers below it; nothing of the library imports it. Start with
:mod:`~purchasing_power.kinds.kind`, then ``purchase``.
"""
