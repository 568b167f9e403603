"""Tests of what ``serve`` may be asked for."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from purchasing_power.errors import DataError
from steps import serve
from steps.deploy import proxy, settings, webhook
from tracking.chain import entry_points


def asked(**given: str) -> argparse.Namespace:
    return serve.parser().parse_args(entry_points()["serve"].arguments(given))


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
        settings.check(asked(**given))


def test_the_defaults_are_served() -> None:
    settings.check(asked())


def test_a_machine_without_nginx_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "SYSTEM_FOLDERS", ())
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(DataError, match="apt-get install nginx-light"):
        settings.check(asked(proxy="nginx"))


def test_workers_are_told_the_limits_and_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PURCHASING_POWER_KEY", "a key for tests only")
    told = settings.variables(asked(max_rows="7", max_body_mb="2", log=str(tmp_path)))
    assert told == {
        "PURCHASING_POWER_MAX_ROWS": "7",
        "PURCHASING_POWER_MAX_BODY_MB": "2",
        "PURCHASING_POWER_LOG": str(tmp_path),
        "PURCHASING_POWER_KEY": "a key for tests only",
    }
    assert settings.variables(asked())["PURCHASING_POWER_LOG"] == ""


def test_a_stage_is_watched_and_a_number_is_not() -> None:
    assert settings.stages(asked()) == ("production",)
    assert settings.stages(asked(version="3")) == ()
    assert settings.stages(asked(shadow="staging")) == ("production", "staging")
