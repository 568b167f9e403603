"""The ways of encoding that the benchmark compares: ours by runtime, the naive one and sentence-transformers."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from peak_memory import peak_mb

from purchasing_power.text import checkpoint
from purchasing_power.text.encoder import Encoder

NAIVE, PEER = "naive", "sentence-transformers"
BATCH = 32

Encode = Callable[[Sequence[str]], np.ndarray]


def load(way: str, encoder: str) -> Encode:
    """Load a way: a function from texts to vectors, shape (n_texts, dimension)."""
    if way == NAIVE:
        return _naive(checkpoint.find(encoder).folder)
    if way == PEER:
        return _peer(checkpoint.find(encoder).folder)
    ours = Encoder.open(f"{encoder}?runtime={way}")
    ours.encode(["a text that loads the weights"])
    return ours.encode


def _naive(folder: Path) -> Encode:
    """One batch of 32 after another in the given order: padded, first token, no gradients."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)

    def encode(texts: Sequence[str]) -> np.ndarray:
        found = []
        with torch.no_grad():
            for start in range(0, len(texts), BATCH):
                batch = list(texts[start : start + BATCH])
                inputs = tokenizer(batch, padding=True, truncation=True, max_length=512, return_tensors="pt")
                found.append(model(**inputs).last_hidden_state[:, 0])
        return torch.cat(found).numpy()

    return encode


def _peer(folder: Path) -> Encode:
    """sentence-transformers at its defaults."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    return lambda texts: model.encode(list(texts), show_progress_bar=False)


def alone(way: str, encoder: str, file: Path, limit_s: float) -> dict[str, float]:
    """Load and run a way on the texts of a JSON file in a process of its own: seconds and peak megabytes.

    Raises
    ------
    RuntimeError
        If it fails, or does not end within the limit.
    """
    command = [sys.executable, "-W", "ignore", __file__, way, encoder, str(file)]
    try:
        run = subprocess.run(command, check=True, capture_output=True, text=True, timeout=limit_s)
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"did not end within {limit_s:.0f} s") from error
    except subprocess.CalledProcessError as error:
        raise RuntimeError((error.stderr.strip().splitlines() or ["no word"])[-1]) from error
    return json.loads(run.stdout.splitlines()[-1])


def main() -> None:
    way, encoder, file = sys.argv[1:]
    texts = json.loads(Path(file).read_text(encoding="utf-8"))
    start = time.perf_counter()
    encode = load(way, encoder)
    loaded = time.perf_counter()
    encode(texts)
    seconds = time.perf_counter() - loaded
    peak = peak_mb()
    print(json.dumps({"load_s": loaded - start, "seconds": seconds, "peak_mb": peak}))


if __name__ == "__main__":
    main()
