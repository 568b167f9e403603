"""Tests of the webhook receiver: MLflow's own signature opens it, nothing else does, and it only wakes."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from mlflow.webhooks.delivery import _generate_hmac_signature

from steps.deploy import webhook
from steps.deploy.server_process import free_port

KEY, MODEL, STAGES = "the secret of both", "small", ("production", "staging")


def notice(**changes: str) -> bytes:
    data = {"name": MODEL, "alias": "production", "version": "2"}
    kind = {"entity": "model_version_alias", "action": "created"}
    whole = {name: changes.get(name, value) for name, value in {**kind, **data}.items()}
    return json.dumps({**{k: whole[k] for k in kind}, "data": {k: whole[k] for k in data}}).encode()


def signed(body: bytes, key: str = KEY, age_s: float = 0) -> dict[str, str]:
    """Headers as MLflow makes them."""
    stamp = str(int(time.time() - age_s))
    return {
        "X-MLflow-Delivery-Id": "delivery",
        "X-MLflow-Timestamp": stamp,
        "X-MLflow-Signature": _generate_hmac_signature(key, "delivery", stamp, body.decode()),
    }


@pytest.fixture(scope="module")
def listening() -> Iterator[tuple[int, list[int]]]:
    woken: list[int] = []
    port = free_port()
    with webhook.receiving(port, KEY, MODEL, STAGES, lambda: woken.append(1)):
        yield port, woken


@pytest.fixture
def receiver(listening: tuple[int, list[int]]) -> tuple[int, list[int]]:
    """Its port, and a list that grows when the deployer is woken."""
    listening[1].clear()
    return listening


def send(port: int, body: bytes, headers: dict[str, str], path: str = webhook.PATH) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_what_mlflow_signs_wakes_the_deployer(receiver) -> None:
    port, woken = receiver
    assert send(port, notice(), signed(notice())) == 204
    assert woken == [1]


@pytest.mark.parametrize(
    "headers",
    [
        signed(notice(), key="another secret"),
        signed(notice(alias="staging")),
        signed(notice(), age_s=3600),
        signed(notice(), age_s=-3600),
        {**signed(notice()), "X-MLflow-Signature": ""},
        {**signed(notice()), "X-MLflow-Signature": "v1,é".encode().decode("latin-1")},
        {},
    ],
    ids=["key", "body", "old", "early", "empty", "odd", "none"],
)
def test_anything_else_is_refused(receiver, headers: dict[str, str]) -> None:
    port, woken = receiver
    assert send(port, notice(), headers) == 401
    assert woken == []


@pytest.mark.parametrize(
    "body",
    [
        notice(name="another"),
        notice(alias="candidate"),
        notice(action="deleted"),
        b"[]",
        b"{",
        b'{"entity": "model_version_alias", "action": "created", "data": 1}',
    ],
)
def test_a_true_notice_of_something_else_wakes_nobody(receiver, body: bytes) -> None:
    port, woken = receiver
    assert send(port, body, signed(body)) == 204
    assert woken == []


def test_another_path_and_a_large_body_are_refused(receiver) -> None:
    port, woken = receiver
    assert send(port, notice(), signed(notice()), "/") == 404
    large = b" " * (webhook.MOST_BYTES + 1)
    assert send(port, large, signed(large)) == 413
    assert woken == []
