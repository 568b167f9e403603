"""The fastest runtime of this machine whose vectors are those of float32, or nearly."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from purchasing_power.errors import DataError
from purchasing_power.text import checkpoint
from purchasing_power.text.encoder import EXPORTS_VARIABLE, Encoder
from purchasing_power.text.encoder_spec import (
    AUTO,
    DEVICES,
    EXACT,
    FLOAT32,
    ONNX_FLOAT32,
    ONNX_INT8,
    OPENVINO_BF16,
    OPENVINO_INT8,
    RETIRED,
    EncoderSpec,
    parse,
)
from purchasing_power.text.runtime import base
from purchasing_power.text.runtime.base import check, successor

SAMPLE_TEXTS = 128
# Least mean cosine to float32.
LEAST_COSINE = {EXACT: 0.9999, AUTO: 0.995}
# Runtimes from fast to slow on processors with one of these features. Times sentence-transformers on 300 texts
# (benchmarks/encode.py): with VNNI and bfloat16 4.8, 3.3, 3.3, 1.8 and 1.4, with neither 2.3, 1.6 and 1.4.
_ORDERS: tuple[tuple[frozenset[str], tuple[str, ...]], ...] = (
    (base.BFLOAT16_INSTRUCTIONS, (OPENVINO_INT8, ONNX_INT8, OPENVINO_BF16, ONNX_FLOAT32, FLOAT32)),
    (base.INT8_INSTRUCTIONS, (OPENVINO_INT8, ONNX_INT8, ONNX_FLOAT32, FLOAT32)),
    (frozenset(), (ONNX_INT8, ONNX_FLOAT32, FLOAT32)),
)
_EXACT = (OPENVINO_BF16, ONNX_FLOAT32, FLOAT32)


@dataclass(frozen=True)
class RuntimeChoice:
    """A spec that names its runtime.

    Attributes
    ----------
    spec
        The full spec, for ``Encoder.open``.
    runtime
        The runtime that it names.
    why
        One sentence for people: what was passed over and for what reason.
    """

    spec: str
    runtime: str
    why: str


def resolve(
    spec: str, texts: Sequence[str], runtime: str = EXACT, device: str = "auto", cache: Path | str | None = None
) -> RuntimeChoice:
    """Name the runtime of an encoder.

    ``"auto"`` takes the first of this processor's order that is installed and whose vectors of a seeded sample of
    the texts have a mean cosine of at least 0.995 to those of float32, ``"exact"`` the first at 0.9999. On CUDA both
    are float32. No clock decides: the same machine and the same texts give the same choice.

    Parameters
    ----------
    spec
        Encoder spec; a runtime or device that it names goes before the two parameters. A runtime that an earlier
        version had is replaced by one that takes its place.
    texts
        The user's own; without any, no runtime is taken that would have to be compared.
    runtime
        Of a spec that names none.
    cache
        Folder for exported graphs, by fingerprint, which this process and its children use from now on; ``None``
        leaves it as it is (``text.encoder.exports_folder``).

    Raises
    ------
    DataError
        If the runtime is unknown or not installed, or the encoder cannot be had.
    """
    wanted = parse(spec)
    device = wanted.device or device
    if device not in DEVICES:
        raise DataError(f"device: got {device!r}; allowed are {', '.join(DEVICES)}. Set one of them.")
    if cache is not None:
        os.environ[EXPORTS_VARIABLE] = str(Path(cache).resolve())
    wanted = replace(wanted, device=None if device == "auto" else device)
    if wanted.runtime in RETIRED:
        taken = successor(wanted.runtime)
        return _choice(wanted, taken, f"{taken}, in place of {wanted.runtime}, which this release no longer has")
    runtime = wanted.runtime or runtime
    if runtime not in LEAST_COSINE:
        check(runtime)
        return _choice(wanted, runtime, f"{runtime}, which was asked for")
    if _on_cuda(device):
        return _choice(wanted, FLOAT32, f"{FLOAT32} on CUDA")
    return _choice(wanted, *_first(wanted, texts, runtime))


def _choice(wanted: EncoderSpec, runtime: str, why: str) -> RuntimeChoice:
    return RuntimeChoice(str(replace(wanted, runtime=runtime)), runtime, why)


def _on_cuda(device: str) -> bool:
    import torch

    return device == "cuda" or (device == "auto" and torch.cuda.is_available())


def order() -> tuple[str, ...]:
    """All runtimes that are of use on this processor, from fast to slow."""
    here = base.processor_features()
    return next(order for wanted, order in _ORDERS if not wanted or wanted & here)


def _first(wanted: EncoderSpec, texts: Sequence[str], runtime: str) -> tuple[str, str]:
    """The first runtime of the order that keeps to float32, and why it is the one."""
    sample, passed = _sample(texts), ""
    for name in order():
        if name == FLOAT32 or (runtime == EXACT and name not in _EXACT):
            continue
        try:
            check(name)
            agreement = _compared(wanted, name, sample, LEAST_COSINE[runtime])
        except DataError as error:
            passed += f"; not {name}: {str(error).partition('. ')[0]}"
            continue
        return name, f"{agreement}, the fastest here for {runtime}{passed}"
    return FLOAT32, f"{FLOAT32}, the fastest here for {runtime}{passed}"


def _compared(wanted: EncoderSpec, name: str, sample: list[str], least: float) -> str:
    """The runtime's name with its mean cosine to float32.

    Raises
    ------
    DataError
        If the model does not run in it, or the cosine is below the least.
    """
    if name == ONNX_FLOAT32:
        # It multiplies in float32: there is nothing to compare, but not every model exports.
        _vectors(wanted, name, sample[:1] or [""])
        return name
    if not sample:
        raise DataError("there is no text to compare its vectors on")
    products = _vectors(wanted, name, sample) * _vectors(wanted, FLOAT32, sample)
    cosine = float(products.sum(axis=1).mean())
    if cosine < least:
        raise DataError(f"its mean cosine to float32 is {cosine:.5f}; at least {least} is needed")
    return f"{name} (mean cosine to float32 {cosine:.5f})"


def _vectors(wanted: EncoderSpec, runtime: str, texts: list[str]) -> np.ndarray:
    # Made here and dropped: the models that are not taken leave the memory.
    source = checkpoint.find(wanted)
    return Encoder(source, source.fingerprint(), runtime, "cpu").encode(texts)


def _sample(texts: Sequence[str]) -> list[str]:
    distinct = sorted(set(texts))
    count = min(SAMPLE_TEXTS, len(distinct))
    picked = np.random.default_rng(0).choice(len(distinct), count, replace=False)
    return [distinct[row] for row in np.sort(picked)]
