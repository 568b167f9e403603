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

# Files whose tests ask for `lived`, a whole life of a model that takes a minute to make: one worker runs them all.
LIVED = {f"tests/steps/test_{name}.py" for name in ("lifecycle", "reference", "serve")}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with what is long: met last, a long file would keep a worker busy while the other is idle."""
    slow: Counter[str] = Counter()
    for item in items:
        path = _file_of(item.nodeid)
        slow[path] += item.get_closest_marker("slow") is not None
        if "lived" in getattr(item, "fixturenames", ()) and path not in LIVED:
            raise pytest.UsageError(f"{path} asks for the fixture lived: name it in LIVED of tests/conftest.py.")
    items.sort(key=lambda item: (_file_of(item.nodeid) not in LIVED, -slow[_file_of(item.nodeid)]))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling | None:
    """Hand out whole files, as ``--dist loadfile`` does, and those of ``LIVED`` as if they were one."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class LivedOrFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = _file_of(nodeid)
            return "lived" if path in LIVED else path

    return LivedOrFile(config, log)


def _file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]


@pytest.fixture(autouse=True)
def own_tracking_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point MLflow at a SQLite store of the test's own, so that none writes into the project's."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    # mlflow.set_experiment of an earlier test would else go on in this process and in those that it starts.
    monkeypatch.delenv("MLFLOW_EXPERIMENT_ID", raising=False)
    if (fluent := sys.modules.get("mlflow.tracking.fluent")) is not None:
        monkeypatch.setattr(fluent, "_active_experiment_id", None)
