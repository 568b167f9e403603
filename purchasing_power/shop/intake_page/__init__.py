"""The page on which a data owner sees whether the data came in right, in English and Chinese.

Imports the page toolkit, the report of an intake and the bound of its key matches. Start with
:mod:`~purchasing_power.shop.intake_page.page`; sentences are in :mod:`~purchasing_power.shop.intake_page.words`.
"""
