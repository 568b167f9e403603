"""Laws of the shadow's files: both scores, whole, no user id and no text."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from answering import answering, predictions

from purchasing_power.shop.pseudonym import pseudonymise
from steps.deploy import shadow_scores

KEY, NOW = b"a key for tests only", datetime(2026, 1, 2, tzinfo=UTC)


def rows(*scores: float) -> list[dict]:
    return [{"user_id": f"user-{number}", "score": score} for number, score in enumerate(scores)]


def test_a_row_holds_both_scores_and_a_pseudonym() -> None:
    (first, second) = shadow_scores.pairs(rows(0.1, 0.2), rows(0.3, 0.4), "1", "2", KEY, NOW)
    assert first == {
        "user": pseudonymise(pd.Series(["user-0"]), KEY)[0],
        "at": NOW,
        "production_version": "1",
        "production_score": 0.1,
        "staging_version": "2",
        "staging_score": 0.3,
    }
    assert (second["production_score"], second["staging_score"]) == (0.2, 0.4)


def test_a_request_that_one_version_refuses_gives_no_row() -> None:
    assert shadow_scores.pairs(rows(0.1), [], "1", "2", KEY, NOW) == []
    assert shadow_scores.pairs([{"user_id": "a", "predicted": "x"}], rows(0.1), "1", "2", KEY, NOW) == []
    with answering(lambda *_: (400, "{}")) as server:
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
    assert list(read.columns) == list(shadow_scores.COLUMNS)
    assert len(read) == 2
    assert not any(b"user-0" in file.read_bytes() for file in files)
