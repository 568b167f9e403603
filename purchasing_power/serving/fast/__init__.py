"""The fast path: predictions of a few rows in numpy, equal to the full model, without scikit-learn.

Imports ``serving`` and ``model``. Start with :mod:`~purchasing_power.serving.fast.model`.
"""
