"""Times a drift job on 60 columns against stored reference statistics, and Evidently's default preset.

Ours reads the current rows column by column from Parquet, counts them on the stored sketches, tests them,
and makes the whole report (Evidently's HTML and JSON with our figures in it). Evidently reads the same rows and the
reference's 100,000 rows, runs ``DataDriftPreset`` with its defaults and saves its HTML. Each side runs in a process
of its own, imports included, the two taking turns; ``peak_mb`` is the largest memory of ours, ``ratio`` ours over
Evidently's at the largest size. Run: ``python benchmarks/drift_speed.py``; a small try: ``--rows 10000 --rounds 1``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from peak_memory import peak_mb

NUMERIC, CATEGORICAL = 50, 10
REFERENCE_ROWS, CHUNK = 100_000, 100_000
ALLOWED_RATIO, ALLOWED_MB = 0.1, 1024
KINDS = ("smooth", "zeros", "counts", "missing", "shares")


def column(kind: str, size: int, rng: np.random.Generator) -> np.ndarray:
    """Amounts, amounts of which most are 0, counts, amounts that are missing for some, and shares."""
    if kind == "counts":
        return rng.poisson(3, size).astype(np.float64)
    if kind == "shares":
        return rng.beta(2, 5, size)
    values = rng.lognormal(3, 1, size)
    if kind == "zeros":
        values[rng.random(size) < 0.6] = 0.0
    if kind == "missing":
        values[rng.random(size) < 0.3] = np.nan
    return values


def chunk(size: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({f"n{at:02}": column(KINDS[at % 5], size, rng) for at in range(NUMERIC)})
    for at in range(CATEGORICAL):
        names = np.array([f"kind {number}" for number in range(3 + 2 * at)], dtype=object)
        frame[f"c{at:02}"] = pd.Categorical.from_codes(rng.integers(0, len(names), size), categories=list(names))
    return frame


def write_rows(path: Path, rows: int, seed: int) -> None:
    writer = None
    for number, start in enumerate(range(0, rows, CHUNK)):
        table = pa.Table.from_pandas(chunk(min(CHUNK, rows - start), seed + number), preserve_index=False)
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
    assert writer is not None, "there are rows to write"
    writer.close()


def store_reference(rows: Path, folder: Path) -> None:
    """What the train step stores, of columns alone."""
    from purchasing_power.reference import files
    from purchasing_power.reference.held_out import HeldOut
    from purchasing_power.reference.measure import Reference, sketches

    frame = pd.read_parquet(rows)
    columns = {name: frame[name] if frame[name].dtype == np.float64 else frame[name].astype(object) for name in frame}
    score = {"score": columns["n04"]}
    importance = {name: 1 / len(columns) for name in columns}
    found = Reference(
        columns=sketches(columns),
        scores=sketches(score),
        users=len(frame),
        score_users=len(frame),
        cutoffs=(),
        cutoff_users=(),
        score_cutoffs=(),
        importance=importance,
        vectors=None,
        terms=None,
        held_out=HeldOut({"prior": np.zeros(1)}),
    )
    files.save(found, folder)


def ours(current: Path, reference: Path, out: Path) -> None:
    from monitoring.drift.comparison import WindowComparison
    from monitoring.evidence import detect
    from monitoring.performance.results import Performance
    from monitoring.reports import evidently_report
    from monitoring.reports.job_report import synthetic_samples
    from purchasing_power.reference import files
    from purchasing_power.reference.measure import count_column

    stored, counts = files.load(reference), {}
    for name, sketch in stored.columns.items():
        counts[name] = count_column(sketch, pq.read_table(current, columns=[name]).column(0).to_pandas())
    scores = {
        "score": count_column(stored.scores["score"], pq.read_table(current, columns=["n04"]).column(0).to_pandas())
    }
    users = pq.ParquetFile(current).metadata.num_rows
    both = WindowComparison(stored, counts, scores, None, None, (), users, None, {})
    found = detect(both, {}, Performance((), "", 0), 0)
    drawn = synthetic_samples({**stored.columns, **stored.scores}, {**counts, **scores})
    snapshot = evidently_report.report(*drawn, found.evidence, found.scores, 0.3)
    out.write_text(evidently_report.html(snapshot) + snapshot.json())


def evidently(current: Path, reference: Path, out: Path) -> None:
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    frames = [pd.read_parquet(path) for path in (current, reference)]
    numeric = [name for name in frames[0] if frames[0][name].dtype == np.float64]
    definition = DataDefinition(
        numerical_columns=numeric, categorical_columns=[name for name in frames[0] if name not in numeric]
    )
    plain = [frame.astype({name: object for name in frame if name not in numeric}) for frame in frames]
    snapshot = Report([DataDriftPreset()]).run(*(Dataset.from_pandas(frame, definition) for frame in plain))
    snapshot.save_html(str(out))


def apart(side: str, current: Path, reference: Path, out: Path) -> tuple[float, float]:
    """Seconds and peak memory (MB) of one side in a process of its own."""
    start = time.perf_counter()
    command = [sys.executable, __file__, "--side", side, "--paths", str(current), str(reference), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return time.perf_counter() - start, float(done.stdout.strip().splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--side", choices=["ours", "evidently"])
    parser.add_argument("--paths", nargs=3, type=Path)
    args = parser.parse_args()
    if args.side:
        (ours if args.side == "ours" else evidently)(*args.paths)
        print(peak_mb())
        return
    with tempfile.TemporaryDirectory() as place:
        report(measured(Path(place), sorted(args.rows), args.rounds))


def measured(place: Path, sizes: list[int], rounds: int) -> dict[int, dict[str, tuple[float, float]]]:
    """Median seconds and largest memory by number of rows and side."""
    write_rows(place / "reference.parquet", REFERENCE_ROWS, 10_000)
    store_reference(place / "reference.parquet", place / "stored")
    found: dict[int, dict[str, tuple[float, float]]] = {}
    print(f"{NUMERIC + CATEGORICAL} columns; reference of {REFERENCE_ROWS:,} rows")
    print(f"\n{'rows':>10}{'ours, s':>10}{'MB':>8}{'Evidently, s':>15}{'MB':>8}{'ratio':>8}")
    for rows in sizes:
        write_rows(place / "current.parquet", rows, 0)
        took: dict[str, list[tuple[float, float]]] = {"ours": [], "evidently": []}
        for _ in range(rounds):
            for side, reference in (("ours", "stored"), ("evidently", "reference.parquet")):
                took[side].append(apart(side, place / "current.parquet", place / reference, place / "out.html"))
        found[rows] = {
            side: (float(np.median([one[0] for one in each])), max(one[1] for one in each))
            for side, each in took.items()
        }
        first, second = found[rows]["ours"], found[rows]["evidently"]
        print(
            f"{rows:>10,}{first[0]:>10.1f}{first[1]:>8.0f}{second[0]:>15.1f}{second[1]:>8.0f}"
            f"{first[0] / second[0]:>8.3f}"
        )
    return found


def short(rows: int) -> str:
    """1000000 as 1m, 100000 as 100k."""
    return f"{rows // 10**6}m" if rows >= 10**6 else f"{rows // 10**3}k"


def report(found: dict[int, dict[str, tuple[float, float]]]) -> None:
    largest = max(found)
    first, second = found[largest]["ours"], found[largest]["evidently"]
    ratio = first[0] / second[0]
    print(f"\nat most {ALLOWED_RATIO} of Evidently's time: {'yes' if ratio <= ALLOWED_RATIO else 'no'}")
    print(f"at most {ALLOWED_MB} MB: {'yes' if first[1] <= ALLOWED_MB else 'no'}")
    name = short(largest)
    figures = {
        f"ours_seconds_{name}": round(first[0], 2),
        f"evidently_seconds_{name}": round(second[0], 2),
        "ratio": round(ratio, 4),
        "peak_mb": round(first[1]),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
