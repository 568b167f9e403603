"""The page toolkit: one layout, one set of parts, one look of pictures, for every HTML page that people read.

Imports nothing of the project. Start with :mod:`~purchasing_power.pages.page`.
"""
