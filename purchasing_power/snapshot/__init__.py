"""The user table: one row per user and cutoff, built from checked shop tables.

Imports nothing of the library but errors and atomic folders. Start with :mod:`~purchasing_power.snapshot.user_table`,
then ``build``; a block of features is a module in ``blocks``.
"""
