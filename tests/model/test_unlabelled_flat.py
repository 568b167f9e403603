"""A model that was trained on a flat file meets one without the label: it scores, and nothing is trained on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from purchasing_power.errors import DataError
from purchasing_power.kinds.purchase import KIND
from purchasing_power.model.flat_params import model_params
from purchasing_power.model.purchasing_model import fit
from purchasing_power.model.splits import known_outcomes, split
from purchasing_power.reference.rows import current_rows
from purchasing_power.shop.flat import read_flat
from purchasing_power.snapshot.target import fit_target

KEY = b"a key of some length"


def shop(rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    income = rng.normal(size=rows).round(3)
    return pd.DataFrame(
        {
            "income": income,
            "plan": rng.choice(["1", "2", "2+"], rows),
            "city": rng.choice(["Paris", "Oslo"], rows),
            "text": rng.choice(["good", "bad"], rows),
            "label": np.where(income + rng.normal(size=rows) > 0, "yes", "no"),
        }
    )


def test_new_customers_are_scored_as_they_would_be_with_a_label(tmp_path: Path) -> None:
    frame = shop(200)
    frame.to_csv(tmp_path / "known.csv", index=False)
    table, _ = read_flat(tmp_path / "known.csv", key=KEY)
    parts = split(table)
    params = model_params(representation="tfidf", text_components=2, trees=10, leaf_rows=10)
    model = fit(table, parts, fit_target("label", table, parts.train), params)
    # Three rows: the plan looks like a number, one city stands in all of them, no income is known.
    few = frame[frame["plan"] != "2+"][:3].drop(columns="label").assign(income=None, city="Oslo")
    few.to_csv(tmp_path / "new.csv", index=False)
    new, quarantine = read_flat(tmp_path / "new.csv", key=KEY)
    expected = model.predict(few.assign(income=np.nan, documents=[[text] for text in few["text"]]))
    assert quarantine.empty and len(new.frame) == 3
    assert model.predict(new.frame)["score"].tolist() == pytest.approx(expected["score"].tolist())
    assert len(current_rows(model, new, None, 0).frame) == 3
    assert len(known_outcomes(new)) == 0 and KIND.matures(new) == "the file has no label."
    with pytest.raises(DataError, match=r"has no label, only the features plan, income, city.*-P label=COLUMN"):
        split(new)
