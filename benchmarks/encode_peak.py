"""The machine's peak: what its matrix products reach at their best, by number type."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from purchasing_power.text.runtime import base

SIZE = 2048
TRIES = 12
# Where the processor has no instructions for a number type, one product may take seconds.
LIMIT_S = 10
ENGINES = ("onednn", "x86")


def peak(kind: str) -> float:
    """Billions of operations a second of one large product on all threads, in ``float32``, ``bfloat16`` or ``int8``."""
    import torch

    random = torch.Generator().manual_seed(0)
    left, right = torch.randn(2, SIZE, SIZE, generator=random)
    if kind == "int8":
        return max(_best(_int8(left, right, engine)) for engine in ENGINES)
    if kind == "bfloat16":
        left, right = left.bfloat16(), right.bfloat16()
    return _best(lambda: torch.nn.functional.linear(left, right))


def operations(dimension: int, inner: int, layers: int, lengths: list[int]) -> float:
    """Operations that a BERT-like model needs for windows of these lengths: products and attention, no padding."""
    by_token = 2 * (4 * dimension**2 + 2 * dimension * inner)
    return float(layers * sum(length * by_token + 4 * length**2 * dimension for length in lengths))


def kind(runtime: str) -> str:
    """Number type of a runtime's products on this processor."""
    if "int8" in runtime:
        return "int8"
    has_bfloat16 = base.BFLOAT16_INSTRUCTIONS & base.processor_features()
    return "bfloat16" if runtime.endswith("bf16") and has_bfloat16 else "float32"


def _int8(left: Any, right: Any, engine: str) -> Callable[[], Any]:
    import torch

    torch.backends.quantized.engine = engine
    product = torch.ao.nn.quantized.Linear(SIZE, SIZE)
    product.set_weight_bias(torch.quantize_per_tensor(right / 4, 0.01, 0, torch.qint8), None)
    values = torch.quantize_per_tensor(left, 0.03, 128, torch.quint8)
    return lambda: product(values)


def _best(work: Callable[[], Any]) -> float:
    import torch

    seconds: list[float] = []
    with torch.inference_mode():
        while len(seconds) < TRIES and sum(seconds) < LIMIT_S:
            start = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - start)
    return 2 * SIZE**3 / min(seconds) / 1e9
