"""Files as they lie, of any format, as one kind of source that DuckDB reads.

Imports errors alone. Start with :mod:`~purchasing_power.shop.reading.source`, the one entrance.
"""
