from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from purchasing_power import atomic_folder
from purchasing_power.errors import DataError
from purchasing_power.shop.tables import scan, shop_folder, write_tables

FRAME = pd.DataFrame({"user_id": ["a", "b"], "amount": [1.0, 2.0]})


def test_scan_gives_ibis_tables_over_the_files(tmp_path: Path) -> None:
    folder = write_tables({"orders": FRAME, "users": FRAME}, tmp_path / "shop")
    tables = scan(folder)
    assert set(tables) == {"orders", "users"}
    assert tables["orders"].amount.sum().execute() == 3.0
    with pytest.raises(DataError, match="checked tables"):
        scan(tmp_path)


def test_a_failed_write_leaves_the_old_tables_and_no_draft(tmp_path: Path) -> None:
    folder = write_tables({"orders": FRAME}, tmp_path / "shop")
    with pytest.raises(RuntimeError), shop_folder(folder) as draft:
        (draft / "orders.parquet").write_text("half")
        raise RuntimeError
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "orders.parquet"), FRAME)
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


def test_a_draft_of_a_killed_run_is_removed_and_one_of_a_living_run_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic_folder, "_runs_elsewhere", lambda process: process == 1)
    for name in (".shop.draft-999-x", ".shop.draft-999-x-old", ".shop.draft-1-x", ".other.draft-999-x"):
        (tmp_path / name).mkdir()
    write_tables({"orders": FRAME}, tmp_path / "shop")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other.draft-999-x", ".shop.draft-1-x", "shop"]


def test_only_a_process_that_runs_elsewhere_keeps_its_drafts() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    assert not atomic_folder._runs_elsewhere(child)
    assert atomic_folder._runs_elsewhere(os.getppid())


def test_a_folder_that_holds_other_things_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.doc").write_text("x")
    with pytest.raises(DataError, match=r"thesis\.doc"):
        write_tables({"orders": FRAME}, tmp_path / "home")
    assert (tmp_path / "home" / "thesis.doc").exists()
