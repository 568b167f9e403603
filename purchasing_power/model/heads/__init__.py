"""Heads: what turns a feature matrix into raw scores, one module each.

Imports ``model.params`` and its neighbours. Start with :mod:`~purchasing_power.model.heads.registry`.
"""
