"""Where a stage stands, asked of the registry in a thread, so that a registry that is away stops nothing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion

from steps.deploy import records
from tracking import registry

log = logging.getLogger(__name__)


@dataclass
class Watch:
    """What the watching thread has seen last.

    Attributes
    ----------
    model, stages
        The registered model and the stages looked at.
    seen
        The version that each stage stood on when the registry last answered.
    wake
        Set it to have the registry asked at once.
    away
        Whether the registry did not answer the last time.
    """

    model: str
    stages: tuple[str, ...]
    seen: dict[str, ModelVersion] = field(default_factory=dict)
    wake: threading.Event = field(default_factory=threading.Event)
    away: bool = False


@contextmanager
def watching(model: str, stages: tuple[str, ...], poll_s: float, folder: Path) -> Iterator[Watch]:
    """Ask the registry every ``poll_s`` seconds, or when woken, and bring kept records to the ledger."""
    watch = Watch(model, stages)
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            _look(watch, folder)
            watch.wake.wait(poll_s)
            watch.wake.clear()

    thread = threading.Thread(target=work, name="watch", daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        ended.set()
        watch.wake.set()
        thread.join(timeout=5)


def _look(watch: Watch, folder: Path) -> None:
    try:
        for stage in watch.stages:
            found = registry.at_stage(watch.model, stage)
            if found is not None:
                watch.seen[stage] = found
            elif watch.seen.pop(stage, None) is not None:
                log.warning("%s of %s stands on no version any more: what is loaded stays", stage, watch.model)
        records.write(folder)
    except Exception as error:  # any client, store or network error: serving goes on
        if not watch.away:
            log.warning("the registry does not answer (%s): what is loaded stays", type(error).__name__)
        watch.away = True
    else:
        if watch.away:
            log.info("the registry answers again")
        watch.away = False
