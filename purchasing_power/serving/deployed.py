"""Which version a worker has loaded, under which stage, and when."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

DEPLOYED_FILE = "deployed.json"
REGISTRY_FILE = "registered_model_meta"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Deployed:
    """The columns that every prediction carries about the model behind it.

    Attributes
    ----------
    model_version, stage
        As the deployer or the registry says; ``"unknown"`` where neither does.
    loaded_at
        When this worker loaded it: ISO 8601, UTC, whole seconds.
    """

    model_version: str
    stage: str
    loaded_at: str

    @property
    def columns(self) -> dict[str, str]:
        """Column names and values, the same in every row."""
        return {"model_version": self.model_version, "stage": self.stage, "loaded_at": self.loaded_at}


def deployed(folder: Path) -> Deployed:
    """Read what is known about an MLflow model folder.

    Parameters
    ----------
    folder
        Holds ``deployed.json`` (``{"model": …, "version": …, "stage": …}``), which a deployer writes beside
        ``MLmodel``, or ``registered_model_meta``, which MLflow writes where it fetches a registered version.
    """
    stated = _read(folder / DEPLOYED_FILE, json.loads)
    registered = _read(folder / REGISTRY_FILE, yaml.safe_load)
    version = stated.get("version") or registered.get("model_version") or UNKNOWN
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Deployed(str(version), str(stated.get("stage") or UNKNOWN), now)


def _read(path: Path, parse: Callable[[str], Any]) -> dict[str, Any]:
    try:
        values = parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        # A worker serves all the same; its replies then say unknown.
        return {}
    return values if isinstance(values, dict) else {}
