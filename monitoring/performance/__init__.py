"""How good the version is now: realised where outcomes have matured, estimated before.

Imports the library and the ledger's records. Start with :mod:`monitoring.performance.realised`.
"""
