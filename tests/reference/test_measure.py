"""Tests of reference statistics: measured once, kept as files without a row, and counted alike later."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tables import TEXTS, changed, flat
from watched import stored, trained

from purchasing_power.errors import DataError
from purchasing_power.kinds.purchase import KIND
from purchasing_power.reference import files
from purchasing_power.reference.columns import DESCRIPTORS, feature_columns
from purchasing_power.reference.measure import count_column, measure
from purchasing_power.reference.rows import one_per_group, usable_rows
from purchasing_power.snapshot.user_table import DOCUMENTS


def test_every_feature_and_descriptor_and_the_scores_are_sketched() -> None:
    _, model, reference = stored()
    assert list(reference.columns) == [*model.meta.features, *DESCRIPTORS]
    assert list(reference.scores) == ["score", "tier"]
    assert (reference.users, reference.score_users) == (300, 300)
    assert reference.cutoffs == ("2024-02-04", "2024-03-03", "2024-03-31") and set(reference.cutoff_users) == {300}
    assert {len(sketch.by_cutoff) for sketch in reference.columns.values()} == {3}


def test_the_rows_that_were_sketched_are_counted_alike() -> None:
    table, model, reference = stored()
    rows = one_per_group(table, usable_rows(model, table), "user_id", 0)
    for name, column in feature_columns(rows.frame, model.meta).items():
        sketch = reference.columns[name]
        assert (count_column(sketch, column).counts == sketch.counts).all()


def test_feature_importance_is_shared_out_to_features_and_documents() -> None:
    _, model, reference = stored()
    assert set(reference.importance) == {*model.meta.features, DOCUMENTS}
    assert sum(reference.importance.values()) == pytest.approx(1) and min(reference.importance.values()) >= 0
    # The future follows spend; noise and texts (the model reads none) tell nothing.
    assert (
        reference.importance["spend_28d"] > 5 * reference.importance["noise"] and reference.importance[DOCUMENTS] == 0
    )


def test_what_is_read_back_is_what_was_measured(tmp_path: Path) -> None:
    _, _, reference = stored()
    again = files.load(files.save(reference, tmp_path / "reference"))
    for part in ("columns", "scores"):
        for name, sketch in getattr(reference, part).items():
            for key, value in vars(sketch).items():
                np.testing.assert_array_equal(vars(getattr(again, part)[name])[key], value)
    np.testing.assert_array_equal(again.vectors.values, reference.vectors.values)
    np.testing.assert_array_equal(again.terms.users, reference.terms.users)
    assert (again.importance, again.cutoffs, again.terms.names) == (
        reference.importance,
        reference.cutoffs,
        reference.terms.names,
    )


def test_files_hold_no_user_no_text_and_no_pickle(tmp_path: Path) -> None:
    table, _, reference = stored()
    folder = files.save(reference, tmp_path / "reference")
    assert {path.suffix for path in folder.iterdir()} == {".json", ".safetensors"}
    held = b"".join(path.read_bytes() for path in folder.iterdir()).decode("utf-8", "ignore")
    for secret in [*table.frame["user_id"].unique(), *(text for text in TEXTS if " " in text)]:
        assert secret not in held


def test_a_flat_table_and_one_without_documents_are_measured(tmp_path: Path) -> None:
    table = flat()
    reference = measure(KIND, trained(table), table, 0)
    assert (reference.cutoffs, reference.cutoff_users) == ((), ())
    table, _, _ = stored()
    without = changed(table)
    without.frame.drop(columns=DOCUMENTS, inplace=True)
    bare = measure(KIND, trained(without), without, 0)
    assert bare.vectors is None and bare.terms is None
    assert files.load(files.save(bare, tmp_path / "bare")).terms is None


def test_another_table_or_another_format_is_refused(tmp_path: Path) -> None:
    table, model, reference = stored()
    with pytest.raises(DataError, match="digest"):
        measure(KIND, model, changed(table, noise=0.0), 0)
    folder = files.save(reference, tmp_path / "reference")
    content = json.loads((folder / files.JSON_FILE).read_text())
    for other in (1, 99):
        (folder / files.JSON_FILE).write_text(json.dumps(content | {"format": other}))
        with pytest.raises(DataError, match=f"format {other}; this version reads 2. Train the version again"):
            files.load(folder)
    with pytest.raises(DataError, match="Train the version again"):
        files.load(tmp_path)
