"""Raw tables of a shop: the contract, checks, intake, pseudonyms, samples and flat files.

Imports errors, atomic folders and the user table alone. Start with :mod:`~purchasing_power.shop.contract`, then
``intake``.
"""
