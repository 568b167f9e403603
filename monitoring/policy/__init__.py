"""From evidence to a decision: past windows, reasons, and the retraining that it starts.

Imports ``drift`` and ``performance``. Start with :mod:`monitoring.policy.decide`.
"""
