"""Why a score is what it is: Shapley values, feature importance, reasons in words, pages.

Imports ``evaluation`` and what lies below it. Start with :mod:`~purchasing_power.explain.explanation`.
"""
