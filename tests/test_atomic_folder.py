"""Tests of folders that are there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from purchasing_power.atomic_folder import replaced


def test_a_draft_takes_the_folders_place_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    for content in ("first", "second"):
        with replaced(tmp_path / "deep" / "folder") as draft:
            (draft / "file").write_text(content)
            (draft / content).touch()
    assert {path.name for path in (tmp_path / "deep" / "folder").iterdir()} == {"file", "second"}
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["folder"]


def test_an_error_leaves_the_old_folder_as_it_was(tmp_path: Path) -> None:
    with replaced(tmp_path / "folder") as draft:
        (draft / "file").write_text("old")
    with pytest.raises(RuntimeError), replaced(tmp_path / "folder") as draft:
        (draft / "file").write_text("half")
        raise RuntimeError
    assert (tmp_path / "folder" / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
