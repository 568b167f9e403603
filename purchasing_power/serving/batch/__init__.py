"""Large tables, scored in parts that a killed run goes on from.

Imports the user table. Start with :mod:`~purchasing_power.serving.batch.parts`.
"""
