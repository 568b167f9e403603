"""Tests of folders and files that are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from purchasing_power.atomic_folder import atomic_file, atomic_folder


def test_a_draft_takes_the_folders_place_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    for content in ("first", "second"):
        with atomic_folder(tmp_path / "deep" / "folder") as draft:
            (draft / "file").write_text(content)
            (draft / content).touch()
    assert {path.name for path in (tmp_path / "deep" / "folder").iterdir()} == {"file", "second"}
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["folder"]


def test_an_error_leaves_the_old_folder_as_it_was(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "folder") as draft:
        (draft / "file").write_text("old")
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "folder") as draft:
        (draft / "file").write_text("half")
        raise RuntimeError
    assert (tmp_path / "folder" / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("remove_stale", [True, False])
def test_drafts_of_stopped_processes_go_only_where_that_is_asked_for(tmp_path: Path, remove_stale: bool) -> None:
    stopped = os.fork()
    if stopped == 0:
        os._exit(0)
    os.waitpid(stopped, 0)
    (tmp_path / f".folder.draft-{stopped}-x").mkdir()
    with atomic_folder(tmp_path / "folder", remove_stale=remove_stale):
        pass
    assert len(list(tmp_path.glob(".folder.draft-*"))) == (not remove_stale)


def test_a_file_is_replaced_when_its_draft_is_written_and_an_error_leaves_it_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with atomic_file(path) as draft:
        draft.write_text("old")
    with pytest.raises(RuntimeError), atomic_file(path) as draft:
        draft.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
