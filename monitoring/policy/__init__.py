"""From evidence to a decision: the policy, earlier windows, reasons, and the retraining that it starts.

Imports ``drift`` and ``performance``. Start with :mod:`monitoring.policy.decision`.
"""
