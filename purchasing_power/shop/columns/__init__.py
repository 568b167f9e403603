"""How a column is written, found from all of its cells, and the DuckDB expression that reads it.

Imports errors, reading and values alone. Start with :mod:`~purchasing_power.shop.columns.column_reading`.
"""
