"""How encoding grows with the number of distinct texts: texts a second and peak memory, each in its own process."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import numpy as np
from peak_memory import peak_mb

COUNTS = (1_000, 10_000, 100_000)
LIMIT_S = 600
KINDS = "milk bread shoes jacket phone cable chair lamp shirt coffee soap book game watch bag tent"
LOOKS = "red blue green black white small large cheap light warm soft new old round long thin"


def short_texts(count: int) -> list[str]:
    """Distinct texts of a few words, as titles and searches have."""
    random = np.random.default_rng(0)
    kinds = KINDS.split()
    looks = LOOKS.split()
    drawn = random.integers(0, 16, (count, 3))
    return [f"{looks[a]} {looks[b]} {kinds[c]} {number}" for number, (a, b, c) in enumerate(drawn)]


def show(way: str, encoder: str) -> None:
    """Measure every count in a process of its own, and print it when it is done."""
    for count in COUNTS:
        command = [sys.executable, "-W", "ignore", __file__, way, encoder, str(count)]
        run = subprocess.run(command, check=True, capture_output=True, text=True, timeout=LIMIT_S)
        print(run.stdout.splitlines()[-1], flush=True)


def main() -> None:
    from purchasing_power.text.encoder import Encoder

    way, encoder, count = sys.argv[1:]
    ours, texts = Encoder.open(f"{encoder}?runtime={way}"), short_texts(int(count))
    ours.encode(texts[:64])
    start = time.perf_counter()
    vectors = ours.encode(texts)
    seconds = time.perf_counter() - start
    peak = peak_mb()
    row = {"texts": len(texts), "per_s": len(texts) / seconds, "peak_mb": peak}
    print(json.dumps({**row, "result_mb": vectors.nbytes / 2**20}))


if __name__ == "__main__":
    main()
