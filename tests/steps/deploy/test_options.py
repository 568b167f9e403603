"""Tests of what ``serve`` may be asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from purchasing_power.errors import DataError
from steps.deploy import proxy, webhook
from steps.deploy.options import Options
from tracking.chain import options_of


def asked(**given: str) -> Options:
    options: Options = options_of("serve", given)
    return options


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"workers": "1"}, "workers: got 1; 2 or more are needed"),
        ({"poll_s": "0"}, "poll_s: got 0.0; it must be more than 0"),
        ({"max_rows": "0"}, "max_rows: got 0"),
        ({"max_body_mb": "0"}, "max_body_mb: got 0"),
        ({"shadow": "staging"}, "Give proxy=nginx too"),
        ({"shadow": "staging", "proxy": "nginx", "version": "staging"}, "staging itself"),
        ({"webhook_port": "9"}, f"{webhook.SECRET_VARIABLE} is not set"),
    ],
)
def test_what_cannot_be_served_is_refused_with_a_remedy(
    given: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(webhook.SECRET_VARIABLE, raising=False)
    with pytest.raises(DataError, match=said):
        asked(**given).check()


def test_the_defaults_are_served() -> None:
    asked().check()


def test_a_machine_without_nginx_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "SYSTEM_FOLDERS", ())
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(DataError, match="apt-get install nginx-light"):
        asked(proxy="nginx").check()


def test_workers_are_told_the_limits_and_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PURCHASING_POWER_KEY", "a key for tests only")
    told = asked(max_rows="7", max_body_mb="2", log=str(tmp_path)).variables
    assert told == {
        "PURCHASING_POWER_MAX_ROWS": "7",
        "PURCHASING_POWER_MAX_BODY_MB": "2",
        "PURCHASING_POWER_LOG": str(tmp_path),
        "PURCHASING_POWER_KEY": "a key for tests only",
    }
    assert asked().variables["PURCHASING_POWER_LOG"] == ""


def test_a_stage_is_watched_and_a_number_is_not() -> None:
    assert asked().stages == ("production",)
    assert asked(version="3").stages == ()
    assert asked(shadow="staging").stages == ("production", "staging")
