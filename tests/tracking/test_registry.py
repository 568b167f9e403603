"""Tests of stages: they move from where they were seen to stand, and no further."""

from __future__ import annotations

from pathlib import Path

import pytest
from registered import MODEL, fresh, stand

from tracking import registry


@pytest.fixture(autouse=True)
def one_in_production(tmp_path: Path) -> None:
    fresh(tmp_path)
    stand(production="1")


def where(stage: str) -> str | None:
    return registry.number_at(MODEL, stage)


def test_production_leaves_its_version_as_previous() -> None:
    registry.move(registry.find(MODEL, "2"), registry.PRODUCTION, "1")
    assert (where("production"), where("previous")) == ("2", "1")


@pytest.mark.parametrize("expected", [None, "3"])
def test_a_stage_that_is_not_where_it_was_seen_is_left_alone(expected: str | None) -> None:
    with pytest.raises(registry.ConcurrentMove, match="run the command again"):
        registry.move(registry.find(MODEL, "2"), registry.PRODUCTION, expected)
    assert (where("production"), where("previous")) == ("1", None)


def test_a_move_that_was_overtaken_is_seen_afterwards() -> None:
    mine = registry.find(MODEL, "2")
    registry.move(mine, registry.PRODUCTION, "1")
    stand(production="3")
    with pytest.raises(registry.ConcurrentMove, match="now version 3, not 2"):
        registry.check_stands(mine, registry.PRODUCTION)


def test_a_copy_is_found_by_its_source_and_its_run() -> None:
    version = registry.find(MODEL, "2")
    assert registry.copy_of(version, "other") is None
    made = registry.copy(version, "other")
    assert str(registry.copy_of(version, "other").version) == str(made.version)
    assert registry.copy_of(registry.find(MODEL, "3"), "other") is None
