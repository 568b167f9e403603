"""Tests of the tabular columns: a messy file needs no flag, and what was never seen still gets a score."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from purchasing_power.errors import DataError
from purchasing_power.model import bundle, columns
from purchasing_power.model.columns import Categories, date_parts, moments
from purchasing_power.model.features import column_groups, prepare, transformer
from purchasing_power.model.flat_params import model_params
from purchasing_power.model.purchasing_model import PurchasingModel, fit
from purchasing_power.model.splits import split
from purchasing_power.shop.flat import read_flat
from purchasing_power.snapshot.target import fit_target
from purchasing_power.snapshot.user_table import UserTable

KINDS = ["wine", "beer", "milk", "shoe", "book", "tool", "game", "toys", "food", "fish"]


def messy(rows: int = 2500) -> pd.DataFrame:
    """Each column but the age moves the label; a tenth of every column is missing."""
    rng = np.random.default_rng(0)
    kind, code, level = rng.integers(0, 10, rows), rng.integers(0, 500, rows), rng.normal(size=500)
    day = pd.Timestamp("2022-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), unit="D")
    member = rng.random(rows) < 0.5
    score = 1.5 * level[code] + 2 * (kind % 2) + 2 * (day.dayofweek > 4) + 1.5 * member
    frame = pd.DataFrame(
        {
            "shop": [f"{KINDS[k]} house {n % 60}" for n, k in enumerate(kind)],
            "code": [f"c{7919 * c % 10007}" for c in code],
            "since": day.strftime("%Y-%m-%d"),
            "member": np.where(member, "True", "false"),
            "age": rng.normal(40, 10, rows).round(),
        }
    )
    frame = frame.mask(rng.random(frame.shape) < 0.1)
    return frame.assign(label=np.where(score + rng.normal(size=rows) > np.median(score), "yes", "no"))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> UserTable:
    path = tmp_path_factory.mktemp("messy") / "messy.csv"
    messy().to_csv(path, index=False)
    return read_flat(path, key=b"a key of some length")[0]


@pytest.mark.parametrize("kind", ["int", "float"])
def test_encoding_many_categories_warns_of_nothing(kind: str) -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"code": rng.integers(0, 60, 400).astype(str)}, dtype=object)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = Categories()
        encoded = fitted.fit_transform(X, rng.integers(0, 2, 400).astype(kind))
    assert "target" in fitted.encoders_.named_transformers_ and np.isfinite(encoded).all()


def trained(table: UserTable, head: str) -> PurchasingModel:
    params = model_params({"representation": "none", "head": head, "C": 1.0, "trees": 150})
    parts = split(table)
    return fit(table, parts, fit_target("auto", table, parts.train), params)


@pytest.mark.parametrize("head", ["logistic", "lightgbm"])
def test_a_messy_file_goes_to_a_bundle_that_scores_what_was_never_seen(
    table: UserTable, head: str, tmp_path: Path
) -> None:
    assert table.meta.numeric == ("since", "member", "age") and table.meta.settings["dates"] == ["since"]
    assert table.frame["code"].nunique() > 450
    model, later = trained(table, head), table.rows(split(table).test)
    said = model.predict(later.frame)
    assert roc_auc_score(later.frame["label"] == "yes", said["score"]) > 0.8
    loaded = bundle.load(bundle.save(model, tmp_path / "bundle"))
    pd.testing.assert_frame_equal(loaded.predict(later.frame), said)
    row = {"shop": None, "code": "never", "since": "2023-05-06", "member": "true", "age": np.nan}
    new = pd.DataFrame([{**row, "shop": f"{kind} house 999"} for kind in KINDS])
    scores = loaded.predict(new)["score"].to_numpy()
    assert scores[1::2].mean() > scores[::2].mean() + 0.1
    assert np.isfinite(loaded.predict(pd.DataFrame([dict.fromkeys(row)]))["score"]).all()


def test_a_row_is_encoded_as_among_others_and_twice_the_same(table: UserTable) -> None:
    frame = prepare(table.frame, table.meta)
    y = (table.frame["label"] == "yes").to_numpy(np.int64)
    params = model_params({"representation": "none", "head": "logistic"})
    one, other = (transformer(params, table.meta, 0) for _ in range(2))
    np.testing.assert_array_equal(one.fit_transform(frame, y), other.fit_transform(frame, y))
    together = one.transform(frame)
    for row in (0, 7, 100):
        np.testing.assert_allclose(one.transform(frame.iloc[[row]])[0], together[row], atol=1e-6)


@pytest.mark.parametrize("head", ["logistic", "lightgbm"])
def test_every_column_of_the_matrix_belongs_to_the_column_that_moves_it(table: UserTable, head: str) -> None:
    frame = prepare(table.frame.iloc[:600], table.meta)
    params = model_params({"representation": "none", "head": head})
    fitted = transformer(params, table.meta, 0)
    fitted.fit_transform(frame, np.arange(600) % 3)
    groups, before = column_groups(fitted, table.meta), fitted.transform(frame)
    assert sorted(np.concatenate(list(groups.values()))) == list(range(before.shape[1]))
    assert len(groups["since"]) > 5 and len(groups["code"]) > columns.SPELLING_COLUMNS + 3
    for name in table.meta.features:
        other = prepare(frame.assign(**{name: frame[name].to_numpy()[::-1]}), table.meta)
        moved = (np.nan_to_num(fitted.transform(other)) != np.nan_to_num(before)).any(axis=0)
        assert set(np.flatnonzero(moved)) <= set(groups[name]) and moved.any()


def test_no_rows_own_label_is_in_the_mean_of_its_category() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"code": [f"c{n}" for n in rng.permutation(np.repeat(np.arange(250), 2))]})
    y = rng.integers(0, 2, 500)
    fitted = Categories().fit(frame, y)
    place = fitted.encoders_.output_indices_["target"].start
    fitting = abs(np.corrcoef(Categories().fit_transform(frame, y)[:, place], y)[0, 1])
    assert fitting < 0.3 < 0.6 < np.corrcoef(fitted.transform(frame)[:, place], y)[0, 1]


@pytest.mark.parametrize(
    ("y", "width"), [(np.arange(200) % 2, 1), (np.arange(200) % 3, 3), (np.arange(200) / 1.0, 1), (None, 0)]
)
def test_a_mean_is_encoded_for_each_class_or_for_the_amount(y: np.ndarray | None, width: int) -> None:
    frame = pd.DataFrame({"few": ["a", "b"] * 100, "code": [f"c{n % 50}" for n in range(200)]})
    fitted = Categories().fit(frame, y)
    targets = fitted.encoders_.output_indices_.get("target", slice(0, 0))
    assert targets.stop - targets.start == width
    assert len(fitted.groups_["few"]) == 2


def test_dates_become_their_place_in_week_and_year() -> None:
    days = pd.DataFrame({"day": (pd.date_range("2024-01-01", periods=800) - pd.Timestamp(0)) / pd.Timedelta(days=1)})
    parts = date_parts(["day"]).fit(days)
    found = pd.DataFrame(parts.transform(days)).round(6)
    weekly = [column for column in found if (found[column][7:].to_numpy() == found[column][:-7].to_numpy()).all()]
    assert len(weekly) == 2
    assert np.isfinite(parts.transform(pd.DataFrame({"day": [np.nan, 1e12, -1e12]}))).all()
    assert moments(pd.Series([19723.5, np.nan])).tolist() == [pd.Timestamp("2024-01-01 12:00"), pd.NaT]


def test_a_number_may_stand_as_a_file_has_it_and_a_word_is_refused_by_its_column(table: UserTable) -> None:
    row = {"shop": "x", "code": "y", "since": "2024-01-02", "member": "FALSE", "age": "41"}
    prepared = prepare(pd.DataFrame([row, dict.fromkeys(row)]), table.meta)
    assert prepared.loc[0, ["since", "member", "age"]].tolist() == [19724.0, 0.0, 41.0]
    assert prepared.loc[1, ["since", "member", "age"]].isna().all()
    with pytest.raises(DataError, match=r"^since: holds something that is no number"):
        prepare(pd.DataFrame([{**row, "since": "soon"}]), table.meta)
