"""Mapping of a shop's own export to the contract: a YAML file, or one that is built in.

Imports errors, the contract, order rules, reading and columns alone. Start with
:mod:`~purchasing_power.shop.mapping.mapping`, which tells every key.
"""
