"""The feature dictionary, written from the features themselves: ``python -m purchasing_power.snapshot.dictionary``."""

from __future__ import annotations

import logging
import math
from pathlib import Path

from purchasing_power.snapshot.build import BLOCKS
from purchasing_power.snapshot.feature import Block, Feature
from purchasing_power.snapshot.outcome import outcome_names
from purchasing_power.snapshot.plan import BRANDS, CATEGORIES, EVENTS, Plan
from purchasing_power.snapshot.settings import SnapshotSettings

PATH = Path(__file__).parents[2] / "docs" / "features.md"
# Names that depend on a shop's own values stand for all of them.
SHOWN = Plan(categories=["CATEGORY"], brands=["BRAND"], events=["view"])
HEAD = """# Feature dictionary

Written by `python -m purchasing_power.snapshot.dictionary` from the features in
`purchasing_power/snapshot/`; a test compares. Do not edit by hand.

A row of the user table is one user at one cutoff (midnight UTC). Features use rows at or after
cutoff − {lookback} days (the lookback) and before the cutoff; outcomes use rows at or after the cutoff
and before cutoff + {horizon} days (the horizon). Windows longer than the lookback are left out. Names
below are those of the default settings: {lookback} in a name is the lookback, {horizon} in an outcome the
horizon.

- An *order* is the lines with one order id on one day.
- `category_share_…` and `brand_share_…` exist for the {categories} categories and {brands} brands with the largest
  spend before the first cutoff, `event_…` for the {events} most frequent kinds of event before it. They are kept
  with the table (`settings`), so that a request is computed with the same.
- *Without rows* is the value of a user who has none of the block's rows: 0, or missing where nothing can be said.
"""


def markdown() -> str:
    """The dictionary as Markdown: one table per block, then profile, documents and outcomes."""
    settings = SnapshotSettings()
    head = HEAD.format(
        lookback=settings.lookback,
        horizon=settings.horizon,
        categories=CATEGORIES,
        brands=BRANDS,
        events=EVENTS,
    )
    return "\n".join([head, *(_block(block) for block in BLOCKS), _rest(settings.horizon)])


def _block(block: Block) -> str:
    needs = ", ".join(f"`{need}`" for need in block.needs)
    rows = "\n".join(_row(feature) for feature in block.features(SHOWN))
    head = "| column | unit | meaning | without rows |\n|---|---|---|---|"
    return f"## {block.name}\n\nNeeds {needs}.\n\n{head}\n{rows}\n"


def _row(feature: Feature) -> str:
    empty = "missing" if math.isnan(feature.empty) else f"{feature.empty:g}"
    return f"| `{feature.name}` | {feature.unit} | {feature.meaning} | {empty} |"


def _rest(horizon: int) -> str:
    spend, orders = outcome_names(horizon)
    return f"""## profile

Needs `users`. Every numeric column is a numeric feature and every text column a categorical one, as they are;
`joined_at` decides from when on a user has rows. A profile has no time: it counts at every cutoff.

## documents

Titles of the products bought and texts written within the lookback, newest first, one per order line or text,
the newest {SnapshotSettings().max_documents} at most (`max_documents`).

## Outcomes

| column | unit | meaning |
|---|---|---|
| `{spend}` | currency | Amount paid in the horizon; missing until it is over. |
| `{orders}` | orders | Orders in the horizon; missing until it is over. |
"""


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    PATH.parent.mkdir(parents=True, exist_ok=True)
    PATH.write_text(markdown(), encoding="utf-8")
    logging.getLogger(__name__).info("wrote %s", PATH)
