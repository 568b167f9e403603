"""Heads: what turns a feature matrix, texts or other models' outputs into raw scores, one module each.

Imports ``model.params``, ``table_scorer`` and ``networks``; what fits a head is imported when it is fitted.
Start with :mod:`~purchasing_power.model.heads.registry`, then ``logistic``.
"""
