"""What ``promote`` and ``history`` need: evidence and gates of a version, its move, the record and the report.

Imports ``deploy``, ``tracking`` and the library. Start with :mod:`steps.promotion.gates`, then ``move``.
"""
