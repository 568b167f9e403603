"""Times every runtime of the encoder against the naive way and against sentence-transformers at its defaults.

All ways encode the same texts (lognormal lengths up to 250 tokens, see ``encode_texts``) on the same threads. A way
takes turns with sentence-transformers, and its row is printed when it is done; a ratio is the median of the ratios of
its rounds: both sides then had the machine in the same state. A way that fails or does not end is said and left out.
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
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import encode_growth
import encode_peak
import encode_store
import encode_texts
import encode_ways
import numpy as np
from encode_ways import NAIVE, PEER, Encode

from purchasing_power.text import checkpoint
from purchasing_power.text.encoder import EXPORTS_VARIABLE, Encoder
from purchasing_power.text.runtime.base import installed
from purchasing_power.text.store import VectorStore, vectors

CLOSE, EXACT = 0.995, 0.9999
# For a way to load and encode all texts once.
LIMIT_S = 600
HEAD = "| way | texts/s | tokens/s | × peer | × naive | cosine mean | min | peak MB | load s | export s | of peak |"


@dataclass(frozen=True)
class Work:
    """What every way has to do, and what it is compared with."""

    encoder: str
    texts: list[str]
    tokens: int
    operations: float
    file: Path
    rounds: int
    peer: Encode
    expected: np.ndarray


@dataclass(frozen=True)
class Row:
    """Figures of one way; ``faster`` is against sentence-transformers, whose seconds are ``peer_s``."""

    way: str
    seconds: float
    peer_s: float
    faster: float
    mean: float
    least: float
    peak_mb: float
    load_s: float
    export_s: float
    kind: str
    share: float


def cosines(found: np.ndarray, expected: np.ndarray) -> tuple[float, float]:
    """Mean and smallest cosine of rows."""
    unit = found / np.linalg.norm(found, axis=1, keepdims=True)
    each = (unit * expected).sum(axis=1)
    return float(each.mean()), float(each.min())


def seconds_of(encode: Encode, texts: list[str]) -> tuple[float, np.ndarray]:
    start = time.perf_counter()
    found = encode(texts)
    return time.perf_counter() - start, found


def costs(way: str, work: Work) -> dict[str, float]:
    """Load seconds, export seconds and peak memory of a way, each in fresh processes."""
    exported = 0.0
    if "-" in way and way != PEER:
        none = work.file.with_name("none.json")
        none.write_text("[]")
        # The second load finds the export of the first.
        first, again = (encode_ways.alone(way, work.encoder, none, LIMIT_S) for _ in range(2))
        exported = max(first["load_s"] - again["load_s"], 0.0)
    spent = encode_ways.alone(way, work.encoder, work.file, LIMIT_S)
    return {"load_s": spent["load_s"], "export_s": exported, "peak_mb": spent["peak_mb"]}


def measure(way: str, work: Work) -> Row:
    """Figures of a way that takes turns with sentence-transformers."""
    spent = costs(way, work)
    encode = work.peer if way == PEER else encode_ways.load(way, work.encoder)
    encode(work.texts[:64])
    ours, peers = [], []
    for _ in range(work.rounds):
        peer_s = seconds_of(work.peer, work.texts)[0]
        own_s, found = (peer_s, work.expected) if way == PEER else seconds_of(encode, work.texts)
        ours.append(own_s)
        peers.append(peer_s)
    # The naive way pools the first token: its vectors are others.
    mean, least = (float("nan"),) * 2 if way == NAIVE else cosines(found, work.expected)
    typical, kind = statistics.median(ours), encode_peak.kind(way)
    faster = statistics.median(peer / own for peer, own in zip(peers, ours, strict=True))
    share = work.operations / typical / machine_peak(kind) / 1e9
    compared = (typical, statistics.median(peers), faster, mean, least)
    return Row(way, *compared, **spent, kind=kind, share=share)


@cache
def machine_peak(kind: str) -> float:
    return encode_peak.peak(kind)


def shown(row: Row, work: Work, naive: Row | None) -> str:
    """A line of the table."""
    against = row.faster / naive.faster if naive else float("nan")
    return (
        f"| {row.way} | {len(work.texts) / row.seconds:.0f} | {work.tokens / row.seconds:.0f} | {row.faster:.2f} "
        f"| {against:.2f} | {row.mean:.5f} | {row.least:.4f} | {row.peak_mb:.0f} | {row.load_s:.1f} "
        f"| {row.export_s:.1f} | {row.share:.2f} {row.kind} |"
    )


def compare(work: Work) -> list[Row]:
    """Print and give one row of figures per way."""
    print(f"{HEAD}\n|{'---|' * HEAD.count(' |')}", flush=True)
    rows: list[Row] = []
    for way in (NAIVE, PEER, *installed()):
        try:
            rows.append(measure(way, work))
        except RuntimeError as error:
            print(f"{way}: {error}", flush=True)
            continue
        naive = next((row for row in rows if row.way == NAIVE), None)
        print(shown(rows[-1], work, naive), flush=True)
    peaks = {kind: round(machine_peak(kind)) for kind in dict.fromkeys(row.kind for row in rows)}
    print("peak, GFLOP/s:", peaks, flush=True)
    return rows


def store_seconds(reference: str, texts: list[str], folder: Path, file: Path) -> float:
    vectors(Encoder.open(reference), texts, VectorStore(folder))
    return statistics.median(encode_store.second_run(reference, folder, file) for _ in range(5))


def figures(fast: Row, exact: Row, naive: Row | None, stored: float) -> dict[str, float]:
    """The benchmark's keys, of the fastest way, the fastest exact way and the seconds of a second run."""
    return {
        "ratio_sentence_transformers": round(fast.faster, 3),
        "mean_cosine": round(fast.mean, 5),
        "exact_ratio": round(exact.faster, 3),
        "exact_mean_cosine": round(exact.mean, 6),
        "ratio_naive": round(fast.faster / naive.faster, 3) if naive else float("nan"),
        "store_ratio": round(fast.peer_s / stored, 1),
        "peak_share": round(fast.share, 3),
        "peak_mb": round(fast.peak_mb),
    }


def prepared(args: argparse.Namespace, folder: Path) -> Work:
    """The texts, their size in tokens and operations, and their float32 vectors."""
    from transformers import AutoTokenizer

    model = checkpoint.find(args.encoder).folder
    tokenizer = AutoTokenizer.from_pretrained(model)
    texts = encode_texts.mixed(args.texts, tokenizer)
    lengths = [len(ids) for ids in tokenizer(texts)["input_ids"]]
    config = json.loads((model / "config.json").read_text())
    sizes = (config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"])
    file = folder / "texts.json"
    file.write_text(json.dumps(texts), encoding="utf-8")
    expected = Encoder.open(f"{args.encoder}?runtime=float32").encode(texts)
    operations = encode_peak.operations(*sizes, lengths)
    peer = encode_ways.load(PEER, args.encoder)
    return Work(args.encoder, texts, sum(lengths), operations, file, args.rounds, peer, expected)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--growth", action="store_true", help="1k, 10k and 100k distinct texts as well")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        # Exports are made here anew, so that their time is seen.
        os.environ[EXPORTS_VARIABLE] = str(folder / "exports")
        work = prepared(args, folder)
        rows = compare(work)
        ours = [row for row in rows if row.way not in (NAIVE, PEER)]
        fast = max((row for row in ours if row.mean >= CLOSE), key=lambda row: row.faster)
        exact = max((row for row in ours if row.mean >= EXACT), key=lambda row: row.faster)
        print(f"fastest at {CLOSE}: {fast.way}; at {EXACT}: {exact.way}", flush=True)
        if args.growth:
            encode_growth.show(fast.way, args.encoder)
        reference = f"{args.encoder}?runtime={fast.way}"
        stored = store_seconds(reference, work.texts, folder / "store", work.file)
    naive = next((row for row in rows if row.way == NAIVE), None)
    print(json.dumps(figures(fast, exact, naive, stored)))


if __name__ == "__main__":
    main()
