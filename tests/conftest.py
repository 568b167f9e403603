"""What every test may rely on: the project on the path, no tracking store but a test's own; and who runs what."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    # Before numpy, torch and LightGBM start their pools: those of all workers, and of what they start, share the cores.
    own = len(os.sched_getaffinity(0)) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, own)))

# Session fixtures that take a minute or more; whoever asks for one runs in the worker that made it.
SHARED = ("lived",)


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep together what shares a long set-up, and start with what is long.

    Met last, a long file would keep a worker busy for minutes while the other is idle.
    """
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    for item in items:
        for name in SHARED:
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group(name))
    items.sort(key=lambda item: (item.get_closest_marker("xdist_group") is None, -slow[item.path]))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling | None:
    """Hand out tests by their group, those of no group by their file, so that module fixtures are made once."""
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadGroupScheduling

    class GroupOrFile(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            group: str = super()._split_scope(nodeid)
            return group.partition("::")[0]

    return GroupOrFile(config, log)


@pytest.fixture(autouse=True)
def own_tracking_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point MLflow at a SQLite store of the test's own, so that none writes into the project's."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    # mlflow.set_experiment of an earlier test would else go on in this process and in those that it starts.
    monkeypatch.delenv("MLFLOW_EXPERIMENT_ID", raising=False)
    if (fluent := sys.modules.get("mlflow.tracking.fluent")) is not None:
        monkeypatch.setattr(fluent, "_active_experiment_id", None)
