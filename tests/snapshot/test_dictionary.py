from __future__ import annotations

from collections.abc import Callable

import ibis
import pandas as pd

from purchasing_power.snapshot.build import BLOCKS, build
from purchasing_power.snapshot.dictionary import PATH, SHOWN, markdown
from purchasing_power.snapshot.plan import Plan
from purchasing_power.snapshot.settings import SnapshotSettings


def test_the_written_dictionary_is_the_generated_one() -> None:
    assert PATH.read_text(encoding="utf-8") == markdown(), (
        "run python -m purchasing_power.snapshot.dictionary"
    )


def test_names_are_distinct_and_meanings_are_sentences() -> None:
    found = [feature for block in BLOCKS for feature in block.features(SHOWN)]
    assert len({feature.name for feature in found}) == len(found)
    assert all(feature.meaning.endswith(".") and feature.unit for feature in found)


def test_the_dictionary_names_every_numeric_column_of_a_built_table(
    shop: dict[str, pd.DataFrame], scanned: Callable[..., dict[str, ibis.Table]]
) -> None:
    meta = build(scanned(shop), SnapshotSettings(), progress=False).meta
    named = {feature.name for block in BLOCKS for feature in block.features(Plan(**meta.settings))}
    assert named | set(meta.settings["profile_numeric"]) == set(meta.numeric)
