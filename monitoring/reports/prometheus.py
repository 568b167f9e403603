"""The figures of a job as Prometheus text, for the textfile collector of the node exporter."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, generate_latest, write_to_textfile

from monitoring.policy.decision import ACT, HEALTHY, TOO_FEW, WATCH
from purchasing_power.errors import DataError

PREFIX = "purchasing_power"
STATES = (HEALTHY, WATCH, ACT, TOO_FEW)
OFF = "none"
FILE = "monitor.prom"


def gauges(
    model: str, version: str, moment: str, state: str, retrain: bool, figures: Mapping[str, float]
) -> CollectorRegistry:
    """One gauge for each finite figure, its name after ``purchasing_power_``, labelled with model and version.

    Further gauges: ``…_window_timestamp_seconds`` (the window's moment, UTC), ``…_retrain`` (0 or 1) and
    ``…_verdict``, 1 for the state that the job found and 0 for the others.
    """
    registry = CollectorRegistry()

    def gauge(name: str, what: str, value: float) -> None:
        made = Gauge(f"{PREFIX}_{name}", what, ["model", "version"], registry=registry)
        made.labels(model, version).set(value)

    for name, value in figures.items():
        if math.isfinite(value):
            gauge(metric_name(name), f"Metric {name} of the latest monitored window.", value)
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()
    gauge("window_timestamp_seconds", "Moment of the latest monitored window, in seconds since 1970.", at)
    gauge("retrain", "Whether the latest job started a retraining.", float(retrain))
    # Alert rules go by the name and the labels of this gauge.
    verdict = Gauge(
        f"{PREFIX}_verdict", "The state that the latest job found.", ["model", "version", "word"], registry=registry
    )
    for one in STATES:
        verdict.labels(model, version, one).set(float(one == state))
    return registry


def metric_name(name: str) -> str:
    """A metric's name in letters that Prometheus takes."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", name)


def as_text(registry: CollectorRegistry) -> str:
    """The text that Prometheus reads."""
    return generate_latest(registry).decode("utf-8")


def check_folder(folder: str) -> None:
    """Refuse a folder that does not exist before any work is done; ``none`` stands for no folder.

    Raises
    ------
    DataError
        If it does not exist.
    """
    if folder != OFF and not Path(folder).is_dir():
        raise DataError(
            f"prometheus: got {folder}, which is no folder; allowed are the textfile folder of the node exporter and "
            "none. Make it first, or set none."
        )


def write(registry: CollectorRegistry, folder: str, model: str) -> None:
    """Put the text into the node exporter's folder, in one piece, as ``<model>.prom``; nowhere for ``none``."""
    if folder != OFF:
        write_to_textfile(str(Path(folder) / f"{re.sub(r'[^a-zA-Z0-9_.-]', '_', model)}.prom"), registry)
