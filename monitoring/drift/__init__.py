"""How the rows of now differ from the reference: tests that know both sample sizes, on counts of users.

Imports the library. Start with :mod:`monitoring.drift.comparison`, then ``column_drift``.
"""
