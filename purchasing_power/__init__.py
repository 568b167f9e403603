"""Predicts how willing and how able every user of an online shop is to buy in the coming weeks."""

import os

# OpenMP reads this once, when LightGBM or torch first loads it. Waiting threads that spin make LightGBM
# fifteen times slower as soon as another process wants a core.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
