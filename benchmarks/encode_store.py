"""A second run over texts whose vectors the store holds, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from purchasing_power.text.encoder import Encoder
from purchasing_power.text.store import VectorStore, vectors


def second_run(reference: str, folder: Path, file: Path) -> float:
    """Seconds to read the vectors of a JSON file's texts, without starting the process."""
    command = [sys.executable, __file__, reference, str(folder), str(file)]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(run.stdout.splitlines()[-1])


def main() -> None:
    reference, folder, file = sys.argv[1:]
    texts = json.loads(Path(file).read_text(encoding="utf-8"))
    encoder = Encoder.open(reference)
    start = time.perf_counter()
    vectors(encoder, texts, VectorStore(folder))
    print(time.perf_counter() - start)


if __name__ == "__main__":
    main()
