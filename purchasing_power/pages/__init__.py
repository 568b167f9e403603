"""The page toolkit: one layout, one set of parts and one look of pictures for every HTML page that people read.

A page is a template that extends ``layout.html.j2`` and calls the macros of ``parts.html.j2`` (headline, section,
table, reasons), filled by :func:`~purchasing_power.pages.page.render_page`. Imports nothing of the project, so that
steps and monitoring use it too. Start with :mod:`~purchasing_power.pages.page`, then ``parts.html.j2``.
"""
