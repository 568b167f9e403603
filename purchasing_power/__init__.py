"""Predicts how willing and how able every user of an online shop is to buy in the coming weeks.

Imports neither MLflow, Optuna nor Evidently; its layers, from the top: kinds; serving, reference, gates, tuning,
actions; explain; evaluation; model; text, shop, snapshot; pages. Start with :mod:`purchasing_power.kinds.purchase`,
then :mod:`purchasing_power.model.purchasing_model`.
"""

import os

# OpenMP reads this once, when LightGBM or torch first loads it. Threads that spin while they wait make LightGBM many
# times slower as soon as another process wants a core, and threads that sleep at once make it twice as slow on a
# quiet machine. So many turns are some microseconds.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
