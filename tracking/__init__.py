"""What steps and monitoring share of MLflow: parsing, runs, chains, registry, ledger, lock.

Imports the library. Start with :mod:`tracking.entry`, then ``registry`` and ``ledger``.
"""
