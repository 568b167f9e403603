"""Raw tables of a shop: how files and columns are read, mapped to the contract, checked, and what an order line is.

Imports errors, atomic folders, pages and the user table alone. Start with :mod:`~purchasing_power.shop.contract`, then
``intake``; a flat file enters by ``flat``.
"""
