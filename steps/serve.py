"""Entry point ``serve``: the deployer beside ``mlflow models serve``, until told to stop."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import mlflow
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from purchasing_power.errors import DataError
from purchasing_power.shop.pseudonym import read_key
from steps.deploy import folder, processes, proxy, records, webhook
from steps.deploy.deployment import SERVER, Deployment, ServerSettings
from steps.deploy.options import NONE, Options
from steps.deploy.server_process import HOST, Stopped, check_free, free_port, stop_signals
from steps.deploy.shadow import SHADOW, Shadow, mirrored, shadowing
from steps.deploy.switch import deploy, follow, takeover
from steps.deploy.watch import Watch, watching
from steps.deploy.webhook import receiving
from tracking import registry
from tracking.entry import BAD_INPUT, Outputs, execute

log = logging.getLogger(__name__)

LOOK_S = 0.2


def run(options: Options) -> Outputs:
    """Serve, follow the stage, and stop every process at the end."""
    options.check()
    _expect_an_absent_registry()
    end = time.monotonic() + options.seconds if options.seconds else float("inf")
    version, where = registry.find(options.registered, options.version), options.folder
    if version.tags.get("serving") == "batch":
        raise DataError(
            f"serve: a model of kind={options.kind} is scored in batch and answers no requests. Run score instead."
        )
    url = ""
    if options.webhook_port:
        # Before a server is taken over: an error later would end it.
        check_free(options.webhook_port)
    with folder.holding(where), stop_signals():
        try:
            deployment = _deploy(options, where, version)
            url = f"http://{HOST}:{deployment.port}"
            with _around(options, deployment) as watch:
                _go_on(options, deployment, watch, end)
        except Stopped:
            sys.stderr.write("stopped\n")
        finally:
            proxy.stop(where)
            processes.end(where, SERVER)
            records.write_or_wait(where)
    return {"url": url}


def _expect_an_absent_registry() -> None:
    # A registry that is away must not hold the thread that asks it for minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    # It is told in one line where it is met; these loggers add a stack trace or a retry at every look.
    for noisy in ("mlflow.store.db.utils", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)


def _deploy(options: Options, where: Path, version: ModelVersion) -> Deployment:
    asked = options.started_with
    deployment = takeover(where, options.stage, asked)
    if deployment is not None:
        return deployment
    proxy.stop(where)
    port = options.port or free_port()
    check_free(port)
    inner = port if options.proxy == NONE else free_port()
    return deploy(where, version, ServerSettings(options.stage, port, inner, options.workers, asked, options.variables))


@contextmanager
def _around(options: Options, deployment: Deployment) -> Iterator[Watch]:
    """What stands around the server: the watch on the registry, the webhook, the shadow, nginx."""
    where, stages = deployment.folder, options.stages
    with ExitStack() as stack:
        # Here rather than in the watching thread, so that the ledger's artifacts lie beside this run's.
        records.write_or_wait(where)
        watch = stack.enter_context(watching(options.registered, stages, options.poll_s, where))
        if options.webhook_port:
            listens = receiving(options.webhook_port, webhook.secret(), options.registered, stages, watch.wake.set)
            stack.enter_context(listens)
        mirror = None
        if options.shadow != NONE:
            held = stack.enter_context(mirrored())
            key, mirror = read_key(Path(options.workspace)), held.port
            shadow = Shadow(where / SHADOW, key, options.limits)
            staging = partial(watch.seen.get, options.shadow)
            stack.enter_context(shadowing(shadow, held, staging, lambda: deployment.home))
        if options.proxy != NONE:
            _start_proxy(options, deployment, mirror)
        elif options.docs == "off":
            log.info("docs=off needs proxy=nginx: without it mlflow leaves /docs and /openapi.json open")
        yield watch


def _start_proxy(options: Options, deployment: Deployment, mirror: int | None) -> None:
    text = proxy.config(
        deployment.folder,
        deployment.port,
        deployment.inner,
        max_body_mb=options.max_body_mb,
        docs=options.docs == "on",
        mirror=mirror,
    )
    proxy.start(deployment.folder, deployment.port, text)


def _go_on(options: Options, deployment: Deployment, watch: Watch, end: float) -> None:
    number, url = folder.number(deployment.home), f"http://{HOST}:{deployment.port}"
    mlflow.set_tags({"served.version": number, "served.url": url})
    sys.stderr.write(f"serving version {number} of {options.registered} at {url}/invocations\n")
    while time.monotonic() < end:
        if not deployment.alive:
            raise DataError("serve: the server ended. Read its log above.")
        if options.proxy != NONE and processes.noted(deployment.folder, proxy.NGINX) is None:
            raise DataError("serve: nginx ended. Read its log above.")
        if follow(deployment, watch.seen.get(options.stage)):
            watch.wake.set()
        time.sleep(LOOK_S)


def main() -> None:
    """Run from the command line; a registry that is away at the end hides nothing of how serving ended."""
    ended: list[DataError | None] = []

    def work(options: Options) -> Outputs:
        try:
            outputs = run(options)
        except DataError as error:
            ended.append(error)
            raise
        ended.append(None)
        return outputs

    try:
        execute("serve", Options, work)
    except MlflowException as away:
        if not ended:
            raise
        sys.stderr.write(
            f"the registry does not answer ({type(away).__name__}): every process is ended, but the run stays RUNNING "
            "until the next command on this machine ends it\n"
        )
        if ended[0] is not None:
            sys.stderr.write(f"error: {ended[0]}\n")
            raise SystemExit(BAD_INPUT) from None


if __name__ == "__main__":
    main()
