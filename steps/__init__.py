"""Entry points of MLproject, one module each: parse, read, call the library, log, stop.

Imports ``tracking`` and the library, never ``monitoring``. Start with :mod:`steps.main`; ``promotion``, ``study`` and
``deploy`` hold what an entry point needs beside it.
"""
