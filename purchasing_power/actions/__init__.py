"""What predictions are for: today the campaign list; each action reads predictions, never a model.

Imports the user table. Start with :mod:`~purchasing_power.actions.campaign_list`.
"""
