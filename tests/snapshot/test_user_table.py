"""Tests of the user table on disk: one module reads it, and a table written before keeps its meaning."""

from __future__ import annotations

from pathlib import Path

import pytest
from tables import flat, panel

from purchasing_power.errors import DataError
from purchasing_power.snapshot import user_table
from purchasing_power.snapshot.cutoffs import at_cutoff, chosen_cutoff
from purchasing_power.snapshot.user_table import META_FILE, ROWS_FILE, UserTableFile

ROOT = Path(__file__).parents[2]
READERS = ("user_table.parquet", "user_table.json", "ROWS_FILE", "META_FILE")


def test_only_its_own_module_knows_the_files_of_a_user_table() -> None:
    packages = ("purchasing_power", "tracking", "steps", "monitoring")
    modules = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    texts = {path: path.read_text(encoding="utf-8") for path in modules}
    named = [path for path, text in texts.items() if any(name in text for name in READERS)]
    assert named == [Path(user_table.__file__).resolve()]


def test_a_table_in_memory_and_its_file_have_the_same_cutoffs(tmp_path: Path) -> None:
    table = panel(users=20)
    file = UserTableFile.open(user_table.write(table, tmp_path / "users"))
    assert file.cutoffs() == table.cutoffs() == sorted(set(table.frame["cutoff"]))
    assert chosen_cutoff(file, None) == chosen_cutoff(table, None) == table.frame["cutoff"].max()
    assert at_cutoff(table, None).frame["cutoff"].unique().tolist() == [table.frame["cutoff"].max()]


def test_all_rows_of_a_flat_table_count(tmp_path: Path) -> None:
    table = flat(rows=30)
    assert chosen_cutoff(UserTableFile.open(user_table.write(table, tmp_path / "users")), None) is None
    assert at_cutoff(table, None) is table


@pytest.mark.parametrize("lost", [ROWS_FILE, META_FILE])
def test_a_folder_that_lacks_a_file_is_no_user_table(tmp_path: Path, lost: str) -> None:
    folder = user_table.write(flat(rows=30), tmp_path / "users")
    (folder / lost).unlink()
    for read in (user_table.read, user_table.read_meta, UserTableFile.open):
        with pytest.raises(DataError, match="Give the folder or the runs:/ URI"):
            read(folder)
