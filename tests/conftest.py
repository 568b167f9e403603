"""What every test may rely on: the project on the path, and no tracking store but a test's own."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the long files first: met last, one would keep a process busy for minutes while the other is idle."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


@pytest.fixture(autouse=True)
def own_tracking_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point MLflow at a SQLite store of the test's own, so that none writes into the project's."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    # mlflow.set_experiment of an earlier test would else go on in this process and in those that it starts.
    monkeypatch.delenv("MLFLOW_EXPERIMENT_ID", raising=False)
    if (fluent := sys.modules.get("mlflow.tracking.fluent")) is not None:
        monkeypatch.setattr(fluent, "_active_experiment_id", None)
