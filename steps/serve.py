"""Entry point ``serve``: the deployer beside ``mlflow models serve``, until told to stop."""

from __future__ import annotations

import argparse
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
from steps.deploy import folder, processes, proxy, records, settings, webhook
from steps.deploy.deployment import SERVER, Deployment, Plan
from steps.deploy.mirror import mirrored
from steps.deploy.server_process import HOST, Stopped, check_free, free_port, stop_signals
from steps.deploy.shadow import SHADOW, Shadow, shadowing
from steps.deploy.start import deploy, takeover
from steps.deploy.switch import follow
from steps.deploy.watch import Watch, watching
from steps.deploy.webhook import receiving
from tracking import registry
from tracking.entry import BAD_INPUT, Outputs, Parser, choice, execute, number, whole

log = logging.getLogger(__name__)

LOOK_S = 0.2


def parser() -> Parser:
    """Parameters of ``serve``."""
    return (
        Parser(prog="serve")
        .add("model", "name of the registered model")
        .add("version", "a stage, which is then followed, or a version number")
        .add("port", "port on 127.0.0.1; 0 takes a free one", whole)
        .add("workers", "worker processes, two or more", whole)
        .add("seconds", "stop after so many seconds; 0 serves until SIGTERM or Ctrl-C", whole)
        .add("poll_s", "ask the registry every so many seconds where the stage stands", number)
        .add("webhook_port", "port for MLflow's notices of a set alias; 0 has none", whole)
        .add("proxy", "what stands in front: nginx or none", choice("none", "nginx"))
        .add("max_rows", "most users in one request", whole)
        .add("max_body_mb", "largest request body in MB", whole)
        .add("docs", "on leaves /docs, /redoc and /openapi.json open in nginx", choice("off", "on"))
        .add("shadow", "staging has that version answer copies of the requests", choice("none", "staging"))
        .add("log", "folder of the prediction log, or none")
        .add("workspace", "folder in which the deployment lies")
    )


def run(args: argparse.Namespace) -> Outputs:
    """Serve, follow the stage, and stop every process at the end."""
    settings.check(args)
    # A registry that is away must not hold the thread that asks it for minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    # It is told in one line where it is met; these loggers add a stack trace or a retry at every look.
    for noisy in ("mlflow.store.db.utils", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    end = time.monotonic() + args.seconds if args.seconds else float("inf")
    version, where = registry.find(args.model, args.version), settings.folder_of(args)
    url = ""
    if args.webhook_port:
        # Before a server is taken over: an error later would end it.
        check_free(args.webhook_port)
    with folder.holding(where), stop_signals():
        try:
            deployment = _deploy(args, where, version)
            url = f"http://{HOST}:{deployment.port}"
            with _around(args, deployment) as watch:
                _go_on(args, deployment, watch, end)
        except Stopped:
            sys.stderr.write("stopped\n")
        finally:
            proxy.stop(where)
            processes.end(where, SERVER)
            records.write_or_wait(where)
    return {"url": url}


def _deploy(args: argparse.Namespace, where: Path, version: ModelVersion) -> Deployment:
    stage, asked = settings.stage(args), settings.asked(args)
    deployment = takeover(where, stage, asked)
    if deployment is not None:
        return deployment
    proxy.stop(where)
    port = args.port or free_port()
    check_free(port)
    inner = port if args.proxy == settings.NONE else free_port()
    return deploy(where, version, Plan(stage, port, inner, args.workers, asked, settings.variables(args)))


@contextmanager
def _around(args: argparse.Namespace, deployment: Deployment) -> Iterator[Watch]:
    """What stands around the server: the watch on the registry, the webhook, the shadow, nginx."""
    where, stages = deployment.folder, settings.stages(args)
    with ExitStack() as stack:
        # Here rather than in the watching thread, so that the ledger's artifacts lie beside this run's.
        records.write_or_wait(where)
        watch = stack.enter_context(watching(args.model, stages, args.poll_s, where))
        if args.webhook_port:
            listens = receiving(args.webhook_port, webhook.secret(), args.model, stages, watch.wake.set)
            stack.enter_context(listens)
        mirror = None
        if args.shadow != settings.NONE:
            held = stack.enter_context(mirrored())
            key, mirror = read_key(Path(args.workspace)), held.port
            shadow = Shadow(where / SHADOW, key, settings.limits(args))
            staging = partial(watch.seen.get, args.shadow)
            stack.enter_context(shadowing(shadow, held, staging, lambda: deployment.home))
        if args.proxy != settings.NONE:
            text = proxy.config(
                where,
                deployment.port,
                deployment.inner,
                max_body_mb=args.max_body_mb,
                docs=args.docs == "on",
                mirror=mirror,
            )
            proxy.start(where, deployment.port, text)
        elif args.docs == "off":
            log.info("docs=off needs proxy=nginx: without it mlflow leaves /docs and /openapi.json open")
        yield watch


def _go_on(args: argparse.Namespace, deployment: Deployment, watch: Watch, end: float) -> None:
    number, url = folder.number(deployment.home), f"http://{HOST}:{deployment.port}"
    mlflow.set_tags({"served.version": number, "served.url": url})
    sys.stderr.write(f"serving version {number} of {args.model} at {url}/invocations\n")
    while time.monotonic() < end:
        if not deployment.alive:
            raise DataError("serve: the server ended. Read its log above.")
        if args.proxy != settings.NONE and processes.noted(deployment.folder, proxy.NGINX) is None:
            raise DataError("serve: nginx ended. Read its log above.")
        if follow(deployment, watch.seen.get(settings.stage(args))):
            watch.wake.set()
        time.sleep(LOOK_S)


def main() -> None:
    """Run from the command line; a registry that is away at the end hides nothing of how serving ended."""
    ended: list[DataError | None] = []

    def work(args: argparse.Namespace) -> Outputs:
        try:
            outputs = run(args)
        except DataError as error:
            ended.append(error)
            raise
        ended.append(None)
        return outputs

    try:
        execute("serve", parser(), work)
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
