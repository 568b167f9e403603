"""Promotion decisions, pure: evidence in, checks and a decision out; nothing is read or written.

Imports ``evaluation`` and what lies below it. Start with :mod:`~purchasing_power.gates.decision`, then ``staging``.
"""
