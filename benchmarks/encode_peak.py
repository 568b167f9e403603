"""The machine's peak: what its matrix products reach at their best, by number type."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

SIZE = 2048
TRIES = 12


def peaks() -> dict[str, float]:
    """Billions of operations a second of one large product on all threads: float32, bfloat16 and int8."""
    import torch

    random = torch.Generator().manual_seed(0)
    left, right = torch.randn(2, SIZE, SIZE, generator=random)
    return {
        "float32": _best(lambda: left @ right),
        "bfloat16": _best(_prepacked(left.bfloat16(), right.bfloat16())),
        "int8": _best(_int8()),
    }


def operations(dimension: int, inner: int, layers: int, lengths: list[int]) -> float:
    """Operations that a BERT-like model needs for windows of these lengths: products and attention, no padding."""
    by_token = 2 * (4 * dimension**2 + 2 * dimension * inner)
    return float(layers * sum(length * by_token + 4 * length**2 * dimension for length in lengths))


def kind(runtime: str) -> str:
    """Number type of a runtime's products."""
    if "int8" in runtime:
        return "int8"
    return "bfloat16" if runtime.endswith(("bfloat16", "bf16")) else "float32"


def _prepacked(left: Any, right: Any) -> Callable[[], Any]:
    import torch

    weight = torch.ops.mkldnn._reorder_linear_weight(right, SIZE)
    return lambda: torch.ops.mkldnn._linear_pointwise(left, weight, None, "none", [], "")


def _int8() -> Callable[[], Any]:
    import torch

    values = torch.randint(0, 255, (SIZE, SIZE), dtype=torch.uint8)
    weight = torch.ops.onednn.qlinear_prepack(torch.randint(-127, 127, (SIZE, SIZE), dtype=torch.int8), None)
    scales, zeros = torch.full((SIZE,), 0.01), torch.zeros(SIZE, dtype=torch.int)
    post = (None, 1.0, 0, torch.bfloat16, "none", [], "")
    return lambda: torch.ops.onednn.qlinear_pointwise(values, 0.05, 128, weight, scales, zeros, *post)


def _best(work: Callable[[], Any]) -> float:
    import torch

    seconds = []
    with torch.inference_mode():
        for _ in range(TRIES):
            start = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - start)
    return 2 * SIZE**3 / min(seconds) / 1e9
