"""Tests of nginx in front: what it refuses, tries again, hides and copies, by real requests."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from answering import RESET, Heard, answering, predictions
from deployed import until

from purchasing_power.errors import DataError
from steps.deploy import proxy
from steps.deploy.server_process import free_port, healthy

ROW = json.dumps({"inputs": [{"user_id": "someone"}]}).encode()
TRACE = '{"message": "Traceback (most recent call last): secret-value", "stack_trace": "secret-value"}'


@pytest.fixture(autouse=True)
def needs_nginx() -> None:
    try:
        proxy.binary()
    except DataError as error:
        pytest.skip(str(error))


@contextmanager
def fronted(
    folder: Path, answer: Callable[[str, bytes, int], tuple[int, str]], docs: bool = False, mirror: int | None = None
) -> Iterator[tuple[int, Heard]]:
    """nginx's port, and what came to the server behind it; /ping is answered as the server does."""

    def answers(path: str, body: bytes, number: int) -> tuple[int, str]:
        return (200, "\n") if path == "/ping" else answer(path, body, number)

    port = free_port()
    with answering(answers) as heard:
        text = proxy.config(folder, port, heard.port, max_body_mb=1, docs=docs, mirror=mirror)
        try:
            proxy.start(folder, port, text)
            heard.requests.clear()
            yield port, heard
        finally:
            proxy.stop(folder)


def ask(port: int, path: str = "/invocations", body: bytes | None = ROW, kind: str = "application/json"):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body)
    request.add_unredirected_header("Content-Type", kind)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_request_goes_through_with_a_content_type_that_it_lacked(tmp_path: Path) -> None:
    with fronted(tmp_path, lambda *_: predictions(0.5)) as (port, heard):
        assert ask(port) == predictions(0.5)
        assert ask(port, kind="") == predictions(0.5)
        assert heard.requests == [("/invocations", ROW, "application/json")] * 2
    assert not healthy(port)


def test_a_reset_is_tried_again_once(tmp_path: Path) -> None:
    with fronted(tmp_path, lambda path, body, n: RESET if n == 1 else predictions(0.5)) as (port, heard):
        assert ask(port)[0] == 200
        assert [body for _, body, _ in heard.requests] == [ROW, ROW]
    with fronted(tmp_path, lambda *_: RESET) as (port, heard):
        status, text = ask(port)
        assert (status, json.loads(text)["error_code"]) == (502, "TEMPORARILY_UNAVAILABLE")
        assert len(heard.requests) == 2


@pytest.mark.parametrize("status", [500, 501, 503, 404, 415])
def test_an_error_of_the_server_says_nothing_of_its_own(tmp_path: Path, status: int) -> None:
    with fronted(tmp_path, lambda *_: (status, TRACE)) as (port, _):
        code, text = ask(port)
        assert code == status
        assert "secret-value" not in text
        assert set(json.loads(text)) == {"error_code", "message"}


def test_the_models_own_refusal_passes(tmp_path: Path) -> None:
    said = '{"error_code": "BAD_REQUEST", "message": "spend_28d: got null; a number is allowed."}'
    with fronted(tmp_path, lambda *_: (400, said)) as (port, _):
        assert ask(port) == (400, said)


def test_what_is_too_large_or_not_for_users_never_reaches_the_server(tmp_path: Path) -> None:
    with fronted(tmp_path, lambda *_: (200, "{}")) as (port, heard):
        status, text = ask(port, body=b" " * (2**20 + 1))
        assert status == 413
        assert "larger than 1 MB" in json.loads(text)["message"]
        for path in ("/docs", "/redoc", "/openapi.json", "/", "/mirrored"):
            assert ask(port, path, None)[0] == 404
        assert ask(port, body=None)[0] == 405
        assert heard.requests == []
        assert ask(port, "/version", None)[0] == 200


def test_the_pages_are_open_where_asked(tmp_path: Path) -> None:
    with fronted(tmp_path, lambda *_: (200, "page"), docs=True) as (port, _):
        assert {ask(port, path, None) for path in ("/docs", "/redoc", "/openapi.json")} == {(200, "page")}


def test_a_copy_goes_to_the_mirror_and_a_mirror_that_is_gone_harms_nobody(tmp_path: Path) -> None:
    with answering(lambda *_: (204, "")) as copies:
        with fronted(tmp_path, lambda *_: predictions(0.5), mirror=copies.port) as (port, _):
            assert ask(port)[0] == 200
            until(lambda: len(copies.requests) == 1)
        assert copies.requests[0][1:] == (ROW, "application/json")
    with fronted(tmp_path, lambda *_: predictions(0.5), mirror=free_port()) as (port, _):
        assert {ask(port)[0] for _ in range(3)} == {200}


def test_a_configuration_that_nginx_refuses_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nginx refuses its configuration"):
        proxy.start(tmp_path, free_port(), "nonsense;")


def test_a_deployer_that_comes_back_keeps_the_nginx_that_runs(tmp_path: Path) -> None:
    with fronted(tmp_path, lambda *_: predictions(0.5)) as (port, heard):
        before = proxy.processes.noted(tmp_path, proxy.NGINX)
        text = proxy.config(tmp_path, port, heard.port, max_body_mb=1, docs=True, mirror=None)
        proxy.start(tmp_path, port, text)
        until(lambda: ask(port, "/docs", None)[0] == 200)
        assert proxy.processes.noted(tmp_path, proxy.NGINX) == before
