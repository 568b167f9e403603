"""How good a model is: hold-out rows, metrics, bootstrap, cross-validation, slices, baselines, the report.

Imports ``model`` and what lies below it. Start with :mod:`~purchasing_power.evaluation.holdout`, then ``bootstrap``.
"""
