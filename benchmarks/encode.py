"""Times every runtime of the encoder against the naive way and against sentence-transformers at its defaults.

All ways encode the same texts (lognormal lengths up to 250 tokens, see ``encode_texts``) on the same threads. Rounds
alternate, and a ratio is the median of the ratios of its rounds: both sides then had the machine in the same state.
``ratio_sentence_transformers`` and ``ratio_naive`` are of our fastest runtime whose mean cosine to float32 is at
least 0.995, the ``exact_`` figures of the fastest at 0.9999 or more. ``store_ratio`` is a second run over the same
texts, in a process that finds their vectors in the store. ``peak_share`` is the share of the machine's measured peak
in the runtime's number type. Needs the extra ``bench``. Run: ``python benchmarks/encode.py`` (``--growth`` adds 1k,
10k and 100k distinct texts).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import encode_growth
import encode_peak
import encode_store
import encode_texts
import encode_ways
import numpy as np
from encode_ways import NAIVE, PEER

from purchasing_power.text import checkpoint
from purchasing_power.text.encoder import EXPORTS_VARIABLE, Encoder
from purchasing_power.text.runtime.base import installed
from purchasing_power.text.store import VectorStore, vectors

CLOSE, EXACT = 0.995, 0.9999


def cosines(found: np.ndarray, expected: np.ndarray) -> tuple[float, float]:
    """Mean and smallest cosine of rows."""
    unit = found / np.linalg.norm(found, axis=1, keepdims=True)
    each = (unit * expected).sum(axis=1)
    return float(each.mean()), float(each.min())


def rounds(
    ways: list[str], encoder: str, texts: list[str], count: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Seconds of every way in every round, taking turns, and the vectors of the last one."""
    loaded = {way: encode_ways.load(way, encoder) for way in ways}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    found = {}
    for number in range(count + 1):
        for way, encode in loaded.items():
            start = time.perf_counter()
            found[way] = encode(texts)
            # The first round warms up.
            if number:
                seconds[way].append(time.perf_counter() - start)
    return seconds, found


def ratio(slow: list[float], fast: list[float]) -> float:
    return statistics.median(left / right for left, right in zip(slow, fast, strict=True))


def costs(ways: list[str], encoder: str, file: Path) -> dict[str, dict[str, float]]:
    """Load seconds, export seconds and peak memory of every way, each in fresh processes."""
    found = {}
    for way in ways:
        spent = encode_ways.alone(way, encoder, file)
        exported = 0.0
        if way != PEER and ("-" in way or "int8" in way):
            # The second load finds the export of the first.
            again = encode_ways.alone(way, encoder, file)
            exported, spent = max(spent["load_s"] - again["load_s"], 0.0), again
        found[way] = {**spent, "export_s": exported}
    return found


def table(rows: list[dict[str, Any]]) -> None:
    print(
        "| way | texts/s | tokens/s | × peer | × naive | cosine mean | min | peak MB | load s | export s | of peak |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        print(
            "| {way} | {texts:.0f} | {tokens:.0f} | {peer:.2f} | {naive:.2f} | {mean:.5f} | {least:.4f} | {peak_mb:.0f}"
            " | {load_s:.1f} | {export_s:.1f} | {share:.2f} {kind} |".format(**row)
        )


def compare(
    args: argparse.Namespace, texts: list[str], lengths: list[int], file: Path
) -> list[dict[str, Any]]:
    """One row of figures per way."""
    ways = [NAIVE, PEER, *installed()]
    spent = costs(ways, args.encoder, file)
    peaks = encode_peak.peaks()
    print("peak, GFLOP/s:", {name: round(value) for name, value in peaks.items()})
    seconds, found = rounds(ways, args.encoder, texts, args.rounds)
    config = json.loads((checkpoint.find(args.encoder).folder / "config.json").read_text())
    sizes = (config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"])
    work = encode_peak.operations(*sizes, lengths)
    rows = []
    for way in ways:
        typical, kind = statistics.median(seconds[way]), encode_peak.kind(way)
        # The naive way pools the first token: its vectors are others.
        mean, least = (float("nan"),) * 2 if way == NAIVE else cosines(found[way], found["float32"])
        rows.append(
            {"way": way, "texts": len(texts) / typical, "tokens": sum(lengths) / typical, **spent[way]}
            | {"peer": ratio(seconds[PEER], seconds[way]), "naive": ratio(seconds[NAIVE], seconds[way])}
            | {"mean": mean, "least": least, "kind": kind, "share": work / typical / peaks[kind] / 1e9}
            | {"peer_s": statistics.median(seconds[PEER])}
        )
    return rows


def store_seconds(reference: str, texts: list[str], folder: Path, file: Path) -> float:
    vectors(Encoder.open(reference), texts, VectorStore(folder))
    return statistics.median(encode_store.second_run(reference, folder, file) for _ in range(5))


def figures(fast: dict[str, Any], exact: dict[str, Any], stored: float) -> dict[str, float]:
    """The benchmark's keys, of the fastest way, the fastest exact way and the seconds of a second run."""
    return {
        "ratio_sentence_transformers": round(fast["peer"], 3),
        "mean_cosine": round(fast["mean"], 5),
        "exact_ratio": round(exact["peer"], 3),
        "exact_mean_cosine": round(exact["mean"], 6),
        "ratio_naive": round(fast["naive"], 3),
        "store_ratio": round(fast["peer_s"] / stored, 1),
        "peak_share": round(fast["share"], 3),
        "peak_mb": round(fast["peak_mb"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--growth", action="store_true", help="1k, 10k and 100k distinct texts as well")
    args = parser.parse_args()
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(checkpoint.find(args.encoder).folder)
    texts = encode_texts.mixed(args.texts, tokenizer)
    lengths = [len(ids) for ids in tokenizer(texts)["input_ids"]]
    with tempfile.TemporaryDirectory() as folder:
        # Exports are made here anew, so that their time is seen.
        os.environ[EXPORTS_VARIABLE] = str(Path(folder, "exports"))
        file = Path(folder, "texts.json")
        file.write_text(json.dumps(texts), encoding="utf-8")
        rows = compare(args, texts, lengths, file)
        table(rows)
        ours = [row for row in rows if row["way"] not in (NAIVE, PEER)]
        fast = max((row for row in ours if row["mean"] >= CLOSE), key=lambda row: row["peer"])
        exact = max((row for row in ours if row["mean"] >= EXACT), key=lambda row: row["peer"])
        print(f"fastest at {CLOSE}: {fast['way']}; at {EXACT}: {exact['way']}")
        if args.growth:
            for row in encode_growth.grow(fast["way"], args.encoder):
                print(
                    "{texts:>7} texts: {per_s:.0f} a second, peak {peak_mb:.0f} MB, result {result_mb:.0f} MB".format(
                        **row
                    )
                )
        reference = f"{args.encoder}?runtime={fast['way']}"
        stored = store_seconds(reference, texts, Path(folder, "store"), file)
    print(json.dumps(figures(fast, exact, stored)))


if __name__ == "__main__":
    main()
