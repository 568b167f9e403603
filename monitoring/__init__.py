"""Entry points ``monitor`` and ``watch``: drift, performance, a policy over both, and the reports.

Imports ``tracking`` and the library, never ``steps``. Start with :mod:`monitoring.monitor`, then ``evidence``.
"""
