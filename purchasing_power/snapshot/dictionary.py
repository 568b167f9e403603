"""The feature dictionary, made of the features themselves.

``python -m purchasing_power.snapshot.dictionary`` writes it to ``docs/features.md``.
"""

from __future__ import annotations

import logging
import math
import re
from pathlib import Path

from purchasing_power.snapshot.build import BLOCKS, features_of
from purchasing_power.snapshot.feature import Block, Feature
from purchasing_power.snapshot.outcome import outcome_names
from purchasing_power.snapshot.plan import BRANDS, CATEGORIES, EVENTS, Plan
from purchasing_power.snapshot.settings import SnapshotSettings
from purchasing_power.snapshot.user_table import UserTableMeta

PATH = Path(__file__).parents[2] / "docs" / "features.md"
# Names that depend on a shop's own values stand for all of them.
EXAMPLE = Plan(categories=["CATEGORY"], brands=["BRAND"], events=["view"])
HEAD = """# Feature dictionary

Written by `python -m purchasing_power.snapshot.dictionary` from the features in
`purchasing_power/snapshot/`; a test compares. Do not edit by hand.

A row of the user table is one user at one cutoff (midnight UTC). Features use rows at or after
cutoff − {lookback} days (the lookback) and before the cutoff; outcomes use rows at or after the cutoff
and before cutoff + {horizon} days (the horizon). Windows longer than the lookback are left out. Names
below are those of the default settings: {lookback} in a name is the lookback, {horizon} in an outcome the
horizon.

- A user has rows from the first dated sign of them on: an order, event, text, follow, redemption or return, or
  `joined_at`. `population=active` keeps the rows of users with such a sign within the lookback. What has no time, and
  a campaign sent, is no sign.
- An *order* is the lines with one order id on one day. Orders of guests, without a user, count for products alone.
- Spend is what was paid less what was returned in the same window, so it can be below 0; amounts of orders, and shares
  of them, are as ordered. Where orders have no amounts there are no features of money, and shares are of order lines.
- `category_share_…` and `brand_share_…` exist for the {categories} categories and {brands} brands with the largest
  spend before the first cutoff, `event_…` for the {events} most frequent kinds of event before it. They are kept
  with the table (`settings`), so that a request is computed with the same.
- *Chinese name* is what reasons and pages in Chinese call the column.
- *Without rows* is the value of a user who has none of the block's rows: 0, or missing where nothing can be said.
"""


def chinese_names(meta: UserTableMeta) -> dict[str, str]:
    """Chinese names of a user table's features, by column; a profile and a flat file have none.

    A panel written before its metadata held them gets those of the features under its recorded plan.
    """
    if meta.chinese_names or meta.kind == "flat":
        return meta.chinese_names
    return {feature.name: feature.chinese_name for feature in features_of(Plan.of(meta.settings))}


def chinese_name(column: str) -> str | None:
    """Chinese name of a feature by its column alone, for who has no plan; ``None`` where no feature has the name.

    It is looked up under plans that could have such a column: its days as the lookback, its value as a category, a
    brand and an event.
    """
    value = re.sub(r"^(category_share|brand_share|event)_|_\d+d$", "", column)
    events = list(dict.fromkeys([value, *EXAMPLE.events]))
    for lookback in (EXAMPLE.lookback, *map(int, re.findall(r"(\d+)d", column))):
        plan = Plan(lookback=lookback, categories=[value], brands=[value], events=events)
        names = {feature.name: feature.chinese_name for feature in features_of(plan)}
        if column in names:
            return names[column]
    return None


def markdown() -> str:
    """The dictionary as Markdown: one table per block, then profile, documents and outcomes."""
    settings = SnapshotSettings()
    head = HEAD.format(
        lookback=settings.lookback, horizon=settings.horizon, categories=CATEGORIES, brands=BRANDS, events=EVENTS
    )
    return "\n".join([head, *(_block(block) for block in BLOCKS), _rest(settings.horizon)])


def _block(block: Block) -> str:
    needs = ", ".join(f"`{need}`" for need in block.needs)
    rows = "\n".join(_row(feature) for feature in block.columns(EXAMPLE))
    head = "| column | unit | meaning | Chinese name | without rows |\n|---|---|---|---|---|"
    return f"## {block.name}\n\nNeeds {needs}.\n\n{head}\n{rows}\n"


def _row(feature: Feature) -> str:
    empty = "missing" if math.isnan(feature.empty) else f"{feature.empty:g}"
    return f"| `{feature.name}` | {feature.unit} | {feature.meaning} | {feature.chinese_name} | {empty} |"


def _rest(horizon: int) -> str:
    spend, orders = outcome_names(horizon)
    return f"""## profile

Needs `users`. Every numeric column is a numeric feature and every text column a categorical one, as they are;
`joined_at`, where it is there, is a sign of the user. A profile has no time: it counts at every cutoff, and makes
nobody known.

## documents

Titles of the products bought and texts written within the lookback, newest first, one per order line or text,
the newest {SnapshotSettings().max_documents} at most (`max_documents`).

## Outcomes

| column | unit | meaning |
|---|---|---|
| `{spend}` | currency | Amount paid less returns in the horizon; missing until it is over, absent without amounts. |
| `{orders}` | orders | Orders in the horizon; missing until it is over. |
"""


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    PATH.parent.mkdir(parents=True, exist_ok=True)
    PATH.write_text(markdown(), encoding="utf-8")
    logging.getLogger(__name__).info("wrote %s", PATH)
