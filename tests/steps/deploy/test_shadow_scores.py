"""Tests of the shadow's files: both scores, whole, no user id and no text."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from answering import RESET, answering, predictions

from purchasing_power.errors import DataError
from purchasing_power.shop.pseudonym import pseudonymise
from steps.deploy import shadow_scores

KEY, NOW = b"a key for tests only", datetime(2026, 1, 2, tzinfo=UTC)


def rows(*scores: float) -> list[dict]:
    return [{"user_id": f"user-{number}", "score": score, "tier": "low"} for number, score in enumerate(scores)]


def test_a_row_holds_both_scores_and_a_pseudonym() -> None:
    (first, second) = shadow_scores.pairs(rows(0.1, 0.2), rows(0.3, 0.4), "1", "2", KEY, NOW)
    assert first == {
        "user": pseudonymise(pd.Series(["user-0"]), KEY)[0],
        "at": NOW,
        "production_version": "1",
        "production_score": 0.1,
        "production_tier": "low",
        "staging_version": "2",
        "staging_score": 0.3,
        "staging_tier": "low",
    }
    assert (second["production_score"], second["staging_score"]) == (0.2, 0.4)


def test_a_request_that_production_refuses_gives_no_row() -> None:
    assert shadow_scores.pairs([], rows(0.1), "1", "2", KEY, NOW) == []
    assert shadow_scores.pairs([{"user_id": "a", "predicted": "x"}], rows(0.1), "1", "2", KEY, NOW) == []


@pytest.mark.parametrize("theirs", [[], rows(0.1), [{"user_id": "user-0"}, {"user_id": "user-1"}]])
def test_a_request_that_staging_alone_does_not_answer_has_no_score_of_it(theirs: list[dict]) -> None:
    found = shadow_scores.pairs(rows(0.1, 0.2), theirs, "1", "2", KEY, NOW)
    assert [row["production_score"] for row in found] == [0.1, 0.2]
    assert all(math.isnan(row["staging_score"]) and row["staging_tier"] is None for row in found)


@pytest.mark.parametrize("said", [RESET, (400, "{}"), (500, "trace"), (200, "no JSON"), (200, "{}"), (200, "[]")])
def test_a_server_that_does_not_answer_with_predictions_gives_none(said: tuple[int, str]) -> None:
    with answering(lambda *_: said) as server:
        assert shadow_scores.ask(server.port, b"{}", "application/json") == []
    assert shadow_scores.ask(server.port, b"{}", "application/json") == []


def test_users_without_an_id_are_compared_too() -> None:
    (row,) = shadow_scores.pairs([{"score": 0.1}], [{"score": 0.2}], "1", "2", KEY, NOW)
    assert pd.isna(row["user"])
    assert row["staging_score"] == 0.2


def test_an_answer_is_read_from_the_server(tmp_path: Path) -> None:
    with answering(lambda *_: predictions(0.25)) as server:
        assert shadow_scores.ask(server.port, b"{}", "application/json")[0]["score"] == 0.25


def test_files_are_whole_and_hold_neither_ids_nor_texts(tmp_path: Path) -> None:
    compared = shadow_scores.pairs(rows(0.1, 0.2), rows(0.3, 0.4), "1", "2", KEY, NOW)
    for found in (compared, compared, []):
        shadow_scores.write(found, tmp_path)
    files = sorted((tmp_path / "scores").iterdir())
    assert len(files) == 2
    read = pd.read_parquet(files[0])
    assert list(read.columns) == shadow_scores.SCHEMA.names
    assert len(read) == 2
    assert not any(b"user-0" in file.read_bytes() for file in files)


def kept(workspace: Path, deployment: str, production: str, staging: str, at: datetime) -> Path:
    """The folder in which a deployment's shadow wrote one row."""
    folder = workspace / "deployments" / deployment / "shadow"
    shadow_scores.write(shadow_scores.pairs(rows(0.1), rows(0.3), production, staging, KEY, at), folder)
    return folder / shadow_scores.SCORES


def test_only_scores_of_both_versions_of_the_model_made_since_are_read(tmp_path: Path) -> None:
    before = NOW - timedelta(seconds=1)
    for deployment, production, staging, at in (
        ("shop@production", "1", "2", NOW),
        ("shop@1", "1", "2", NOW),
        ("shop@production", "1", "2", before),
        ("shop@production", "1", "3", NOW),
        ("shop@production", "9", "2", NOW),
        ("my.shop@production", "1", "2", NOW),
    ):
        kept(tmp_path, deployment, production, staging, at)
    found = shadow_scores.read(tmp_path, "shop", "1", "2", NOW)
    assert list(found["staging_score"]) == [0.3, 0.3]
    assert list(found.columns) == shadow_scores.SCHEMA.names
    assert len(shadow_scores.read(tmp_path / "another", "shop", "1", "2", NOW)) == 0


def test_scores_without_tiers_are_read_too_and_what_is_no_file_of_scores_is_said(tmp_path: Path) -> None:
    folder = kept(tmp_path, "shop@production", "1", "2", NOW)
    (path,) = folder.iterdir()
    old = pd.read_parquet(path).drop(columns=["production_tier", "staging_tier"])
    old.to_parquet(path)
    assert list(shadow_scores.read(tmp_path, "shop", "1", "2", NOW)["staging_tier"].isna()) == [True]
    (folder / "0.parquet").write_text("nothing of ours")
    with pytest.raises(DataError, match="Move it away"):
        shadow_scores.read(tmp_path, "shop", "1", "2", NOW)
