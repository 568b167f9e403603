"""Tests of alerts: Slack's JSON, a secret URL stays out of the parameters, and nothing is lost with a message."""

from __future__ import annotations

import socket

import pytest
from listener import listening

from monitoring.reports import alerts
from purchasing_power.errors import DataError


def test_a_message_is_the_json_that_slack_takes() -> None:
    with listening() as heard:
        assert alerts.send(heard.url, "Act: 3 of 10 columns drifted — 注意")
    assert heard.bodies == [{"text": "Act: 3 of 10 columns drifted — 注意"}]
    assert heard.types == ["application/json; charset=utf-8"]


def test_a_listener_that_refuses_or_is_gone_is_tried_again_and_raises_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(alerts, "WAIT_S", 0.01)
    # A store that was opened earlier in this process may have turned off the loggers that were there.
    monkeypatch.setattr(alerts.log, "disabled", False)
    caplog.set_level("WARNING", logger=alerts.log.name)
    with listening(status=500) as heard:
        assert not alerts.send(heard.url, "Watch")
    assert len(heard.bodies) == alerts.TRIES
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{free.getsockname()[1]}/secret-path"
    assert not alerts.send(gone, "Watch")
    assert "not delivered" in caplog.text and "secret-path" not in caplog.text


def test_a_url_is_given_by_itself_or_by_the_name_of_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_HOOK", "https://hooks.example.com/x")
    assert alerts.webhook_url("none") is None
    assert alerts.webhook_url("env:SHOP_HOOK") == "https://hooks.example.com/x"
    assert alerts.webhook_url("http://127.0.0.1:9/x") == "http://127.0.0.1:9/x"


@pytest.mark.parametrize("wrong", ["env:NOT_SET", "ftp://example.com", "file:///etc/passwd", "hook", "https://"])
def test_what_is_no_web_address_is_refused_before_any_work(wrong: str) -> None:
    with pytest.raises(DataError, match="webhook"):
        alerts.webhook_url(wrong)
