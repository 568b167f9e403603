"""Statistics of the training rows that a version carries, so that drift needs no training data.

Imports ``explain`` and what lies below it. Start with :mod:`~purchasing_power.reference.measure`, then ``sketch``.
"""
