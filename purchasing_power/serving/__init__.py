"""What a served model takes and gives: requests checked, replies, the prediction log.

Imports ``model`` and what lies below it. Start with :mod:`~purchasing_power.serving.rows`; ``fast`` predicts a few rows
without scikit-learn, ``batch`` scores large tables.
"""
