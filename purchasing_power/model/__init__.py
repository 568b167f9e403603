"""A fitted model: parameters, feature matrix, heads, calibration, and the bundle that holds them.

Imports ``text``, ``shop`` and ``snapshot``. Start with :mod:`~purchasing_power.model.purchasing_model`, then ``params``
and ``scorer``.
"""
