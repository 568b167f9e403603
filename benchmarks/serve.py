"""Latency, throughput and memory of a served model against a pass-through model and the naive pipeline.

Every model is served by the same ``mlflow models serve`` options, the same load comes from ``wrk`` (Debian package) in
a process of its own, and the models take turns. ``CPU ms`` is the processor time of a server per request. Warm requests
hold a user's features and texts that the model's bundle has vectors of; unseen ones hold a text of about thirty tokens
that no request had before.

Run: ``python benchmarks/serve.py`` (about 4 minutes), or ``--users 100 --seconds 2 --rounds 1`` for a look.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path

import psutil
from serve_models import ComparedModel, compared_models

from steps.deploy.server_process import HOST, free_port, serving

CLIENTS, WORKERS = 8, 2
LOAD = Path(__file__).parent / "serve_load.lua"
# The same for every side. A line per request in a log costs each the same and tells nothing here.
OPTIONS = {"UVICORN_ACCESS_LOG": "false", "OMP_NUM_THREADS": "1"}
KINDS = {"warm": ("ours", "pass-through", "pass-through, DataFrame signature"), "unseen": ("ours", "naive")}


def main() -> None:
    """Print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=400, help="users of the simulated shop")
    parser.add_argument("--seconds", type=int, default=8, help="length of one load")
    parser.add_argument("--rounds", type=int, default=3, help="loads of each model and kind")
    parser.add_argument("--runtime", default="onnx-int8", help="what runs the encoder, as in an encoder spec")
    args = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk: not found. Install it: apt-get install wrk")
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        compared, encoder_mb = compared_models(Path(scratch), args.users, args.runtime)
        ports = {model.name: free_port() for model in compared}
        servers = {
            model.name: stack.enter_context(serving(model.uri, ports[model.name], WORKERS, OPTIONS))
            for model in compared
        }
        groups = {name: server.pid for name, server in servers.items()}
        idle = {name: worker_mb(server.pid) for name, server in servers.items()}
        loads = measure(compared, ports, groups, args.seconds, args.rounds)
        loaded = {name: worker_mb(server.pid) for name, server in servers.items()}
    report(loads, idle, loaded, encoder_mb)


def measure(
    compared: list[ComparedModel], ports: dict[str, int], groups: dict[str, int], seconds: int, rounds: int
) -> dict[tuple[str, str], list[dict]]:
    """Loads of every model in turn; a short one first, which is not counted."""
    loads: dict[tuple[str, str], list[dict]] = {}
    for kind, names in KINDS.items():
        loaded = [model for model in compared if model.name in names]
        for model in loaded:
            load(model, kind, ports[model.name], 2)
        for _ in range(rounds):
            for model in loaded:
                start = processor_s(groups[model.name])
                figures = load(model, kind, ports[model.name], seconds)
                spent = 1e3 * (processor_s(groups[model.name]) - start) / figures["requests"]
                loads.setdefault((kind, model.name), []).append({**figures, "cpu_ms": spent})
    return loads


def load(model: ComparedModel, kind: str, port: int, seconds: int) -> dict:
    """Figures of wrk; every request must have got status 200."""
    command = ["wrk", "-t2", f"-c{CLIENTS}", f"-d{seconds}s", "--timeout", "30s", "-s", str(LOAD)]
    command += [f"http://{HOST}:{port}/invocations", "--", str(model.bodies[kind])]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    figures = json.loads(output.splitlines()[-1])
    if figures["failed"] or not figures["requests"]:
        raise SystemExit(
            f"{model.name}, {kind}: {figures['failed']} of {figures['requests']} requests failed: no figure."
        )
    return {**figures, "rate": figures["requests"] / figures["seconds"]}


def processor_s(server: int) -> float:
    """Processor time that a server and its workers have taken, seconds."""
    family = [psutil.Process(server), *psutil.Process(server).children(recursive=True)]
    return sum(sum(one.cpu_times()[:2]) for one in family)


def worker_mb(server: int) -> float:
    """Resident memory of the largest worker of a server, megabytes."""
    family = psutil.Process(server).children(recursive=True)
    return max(one.memory_info().rss for one in family if one.is_running()) / 1e6


def report(
    loads: dict[tuple[str, str], list[dict]], idle: dict[str, float], loaded: dict[str, float], encoder_mb: float
) -> None:
    """A table for people, then one line of JSON."""
    median = {
        key: {name: statistics.median(one[name] for one in runs) for name in runs[0]} for key, runs in loads.items()
    }
    print(f"{'load':<8}{'model':<36}{'requests/s':>11}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms':>9}")
    for (kind, name), seen in median.items():
        times = "".join(f"{seen[one]:>9.2f}" for one in ("p50_ms", "p99_ms", "cpu_ms"))
        print(f"{kind:<8}{name:<36}{seen['rate']:>11.0f}{times}")
    print(f"\n{'worker memory, MB':<44}{'loaded':>11}{'after load':>12}")
    for name in idle:
        print(f"{name:<44}{idle[name]:>11.0f}{loaded[name]:>12.0f}")
    print(f"encoder weights: {encoder_mb:.0f} MB")
    ours, bare = median["warm", "ours"], median["warm", "pass-through"]
    unseen, naive = median["unseen", "ours"], median["unseen", "naive"]
    figures = {
        "pass_through_ratio_warm": ours["rate"] / bare["rate"],
        "naive_ratio_unseen": unseen["rate"] / naive["rate"],
        "p99_ms_warm": ours["p99_ms"],
        "p99_ms_unseen": unseen["p99_ms"],
        "worker_mb_ratio": loaded["ours"] / (loaded["pass-through"] + encoder_mb),
    }
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
