"""What a study searches: the space of parameters, the comparison of its trials, the blend of the best.

Imports ``evaluation`` and what lies below it. Start with :mod:`~purchasing_power.tuning.space`.
"""
