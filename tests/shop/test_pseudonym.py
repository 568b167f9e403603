from __future__ import annotations

import hashlib
import hmac
import logging
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest

from purchasing_power.errors import DataError
from purchasing_power.shop import pseudonym
from purchasing_power.shop.pseudonym import KEY_VARIABLE, pseudonymise, read_key

KEY = b"a key of some length"


@pytest.fixture(autouse=True)
def no_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


def test_a_pseudonym_is_the_keyed_hash_and_not_the_plain_one() -> None:
    found = pseudonymise(pd.Series(["用户 1"]), KEY)[0]
    assert found == hmac.new(KEY, "用户 1".encode(), hashlib.sha256).hexdigest()[:32]
    assert found not in hashlib.sha256("用户 1".encode()).hexdigest()


def test_the_same_user_gets_the_same_pseudonym_in_every_table_and_no_two_users_share_one() -> None:
    orders = pseudonymise(pd.Series(["b", "a", "b"]), KEY)
    users = pseudonymise(pd.Series(["a", "b", "c"]), KEY)
    assert orders.tolist() == [users[1], users[0], users[1]]
    assert users.nunique() == 3


def test_another_key_gives_another_pseudonym() -> None:
    ids = pd.Series(["a", "b"])
    assert not set(pseudonymise(ids, KEY)) & set(pseudonymise(ids, KEY + b"!"))


def test_missing_ids_stay_missing_and_the_index_and_the_name_stay() -> None:
    ids = pd.Series(["a", None], index=[7, 9], name="user_id", dtype="str")
    found = pseudonymise(ids, KEY)
    assert found.isna().tolist() == [False, True]
    assert found.index.tolist() == [7, 9] and found.name == "user_id" and found.dtype == "str"
    assert pseudonymise(ids[:0], KEY).empty
    assert pseudonymise(ids[1:], KEY).isna().all()


def test_each_distinct_id_is_hashed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[bytes] = []

    class Counting:
        @staticmethod
        def digest(key: bytes, message: bytes, method: str) -> bytes:
            hashed.append(message)
            return hmac.digest(key, message, method)

    monkeypatch.setattr(pseudonym, "hmac", Counting)
    pseudonymise(pd.Series(["a", "b", "a", "a"]), KEY)
    assert hashed == [b"a", b"b"]


def test_an_empty_key_is_refused() -> None:
    with pytest.raises(DataError, match=KEY_VARIABLE):
        pseudonymise(pd.Series(["a"]), b"")


def test_the_key_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "0123456789abcdef")
    assert read_key(tmp_path) == b"0123456789abcdef"
    assert not list(tmp_path.iterdir())


def test_a_short_key_is_refused_and_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "sesame")
    with pytest.raises(DataError, match="holds 6 bytes; at least 16") as caught:
        read_key(tmp_path)
    assert "sesame" not in str(caught.value)


def test_without_one_a_random_key_is_made_once_for_its_owner_alone_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        key = read_key(tmp_path / "one")
    assert KEY_VARIABLE in caplog.text and key.decode() not in caplog.text
    assert read_key(tmp_path / "one") == key != read_key(tmp_path / "two")
    assert len(key) >= 32
    assert (tmp_path / "one" / "pseudonym.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["pseudonym.key"]


def test_a_process_that_comes_second_keeps_the_first_key(tmp_path: Path) -> None:
    key = read_key(tmp_path)
    pseudonym._make_key(tmp_path / "pseudonym.key", "another key of enough length")
    assert read_key(tmp_path) == key


def test_a_public_sample_has_the_same_key_everywhere_without_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        one, two = (read_key(tmp_path / name, sample=True) for name in ("one", "two"))
    assert one == two == read_key(tmp_path / "one")
    assert caplog.text == ""


def test_users_own_ids_never_get_the_key_of_the_samples(tmp_path: Path) -> None:
    of_samples = read_key(tmp_path, sample=True)
    own = read_key(tmp_path, sample=False)
    assert own != of_samples and len(own) >= 32
    assert read_key(tmp_path, sample=True) == read_key(tmp_path, sample=False) == own


def test_the_command_prints_the_pseudonyms_of_ids_from_its_arguments_or_standard_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pseudonym.main(["u1", "--workspace", str(tmp_path)]) == 2
    assert "there is none" in capsys.readouterr().err and not list(tmp_path.iterdir())
    monkeypatch.setenv(KEY_VARIABLE, KEY.decode())
    assert pseudonym.main(["u1", " 用户 1 "]) == 0
    monkeypatch.setattr("sys.stdin", StringIO("u1\n用户 1\n"))
    assert pseudonym.main([]) == 0
    expected = pseudonymise(pd.Series(["u1", "用户 1"]), KEY).tolist()
    assert capsys.readouterr().out.split() == expected * 2
