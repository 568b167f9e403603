"""Further processes that run trials of the same study, and never outlive the one that started them."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from purchasing_power.snapshot import user_table
from steps.study.options import Options
from steps.study.setup import objective_of, space_of, validation_of
from steps.study.trial_runs import open_study, search
from tracking import runs

log = logging.getLogger(__name__)

WATCH_S, STOP_S = 1.0, 10.0


@dataclass(frozen=True)
class WorkerTask:
    """What a worker needs to know; it goes to the process as one JSON argument.

    Attributes
    ----------
    options
        Parameters of ``tune``.
    users
        Folder of the user table.
    encoders
        References with their runtimes, which are resolved once for all workers.
    run, experiment
        MLflow run that the trials' runs are children of, and its experiment.
    number
        Of the worker; the process that started the others is 0.
    """

    options: Options
    users: str
    encoders: tuple[str, ...]
    study: str
    storage: str
    settings: str
    run: str
    experiment: str
    number: int = 0


@contextmanager
def helpers(task: WorkerTask, count: int) -> Iterator[None]:
    """Run ``count`` workers beside the body, wait for them after it, and end them where it fails."""
    started = [_start(replace(task, number=number + 1)) for number in range(count)]
    try:
        yield
        for process in started:
            if process.wait():
                log.warning("a worker ended early (exit code %d); the others did its trials", process.returncode)
    finally:
        for process in started:
            process.terminate()
        for process in started:
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()


def work(task: WorkerTask) -> None:
    """Run trials of the study that ``task`` names until it has enough."""
    options = task.options
    validation = validation_of(options, user_table.read(Path(task.users)), progress=False)
    space = space_of(options, task.encoders, validation.target(0).task == "regression")
    # Workers of one seed would draw the same trials.
    seed = options.seed + task.number
    study = open_study(task.study, task.storage, seed, [], task.settings, shared=True)
    search(study, objective_of(validation, space), options.trials, task.run, task.experiment, bar=False)


def _start(task: WorkerTask) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(filter(None, (str(runs.ROOT), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", "steps.study.workers", json.dumps(asdict(task)), str(os.getpid())]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path})


def _watch(parent: int) -> None:
    """End this process as soon as the one that started it is gone, even by kill -9."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """Run as a worker process."""
    _watch(int(sys.argv[2]))
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s", stream=sys.stderr)
    values = json.loads(sys.argv[1])
    runs.prepare()
    read = {"options": Options(**values["options"]), "encoders": tuple(values["encoders"])}
    work(WorkerTask(**{**values, **read}))


if __name__ == "__main__":
    main()
