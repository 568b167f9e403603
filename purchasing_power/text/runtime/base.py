"""What a runtime is, which ones there are, which ones this machine can run, and how one is opened."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from purchasing_power.errors import DataError
from purchasing_power.text.checkpoint import Checkpoint
from purchasing_power.text.encoder_spec import (
    DEVICES,
    FLOAT32,
    ONNX_FLOAT32,
    ONNX_INT8,
    OPENVINO_BF16,
    OPENVINO_INT8,
    RETIRED,
    RUNTIME_CHOICES,
    RUNTIMES,
)

BFLOAT16_INSTRUCTIONS = frozenset({"avx512_bf16", "amx_bf16"})
# Sums of products of 8 bits in 32 bits. Without them an x86 processor adds two such products in 16 bits, where weights
# of 8 bits overflow and those of 7 bits do not.
INT8_INSTRUCTIONS = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})


def processor_features() -> frozenset[str]:
    """Names of the instruction sets that this machine's processor has, as torch gives them."""
    import torch

    return frozenset(name for name, value in torch.cpu.get_capabilities().items() if value is True)


class _Needs(NamedTuple):
    """Packages that run a graph and those that export one, and the extra that has them; none come with the project."""

    running: tuple[str, ...] = ()
    exporting: tuple[str, ...] = ()
    extra: str = ""


_NEEDS = {
    FLOAT32: _Needs(),
    ONNX_FLOAT32: _Needs(("onnxruntime",), ("onnx",)),
    ONNX_INT8: _Needs(("onnxruntime",), ("onnx",)),
    OPENVINO_BF16: _Needs(("openvino",), (), "openvino"),
    OPENVINO_INT8: _Needs(("openvino",), ("nncf",), "openvino"),
}


class Runtime(Protocol):
    """A loaded model that maps windows of token ids to pooled vectors.

    Attributes
    ----------
    streams
        Batches that may run at once, each in a thread of its own.
    budget
        Most tokens in a batch that still runs fast.
    """

    streams: int
    budget: int

    def pooled(self, ids: list[list[int]]) -> np.ndarray:
        """Pool a batch of windows: float32, shape (n_windows, dimension), not normalised.

        Safe to call from ``streams`` threads at once. No window's vector depends on the others.
        """
        ...


def open_runtime(
    source: Checkpoint, precision: str, device: str = "auto", export: Path | None = None, threads: int | None = None
) -> Runtime:
    """Load a model in a runtime, exporting it first where the runtime needs that and there is no export.

    Parameters
    ----------
    precision
        Name of the runtime, one of ``RUNTIMES``.
    device
        ``"auto"`` is CUDA where torch sees it, else the processor; exported graphs run on the processor.
    export
        Folder of the exported graph; without one it is made anew and dropped.
    threads
        Threads of an exported graph in all; by default what ``OMP_NUM_THREADS`` says, else those that the process
        may run on.

    Raises
    ------
    DataError
        If the runtime is unknown, its packages are missing or it cannot run the model.
    """
    check(precision, exporting=export is None or not export.is_dir())
    if device not in DEVICES:
        raise DataError(f"device: got {device!r}; allowed are {', '.join(DEVICES)}. Set one of them.")
    name = precision.partition("-")[0]
    if precision == FLOAT32:
        return import_module("purchasing_power.text.runtime.torch").TorchRuntime(source, device)
    opener = getattr(import_module(f"purchasing_power.text.runtime.{name}"), f"open_{name}")
    return opener(source, precision, export, threads or stated_threads() or len(os.sched_getaffinity(0)))


def stated_threads() -> int | None:
    """Threads that ``OMP_NUM_THREADS`` allows this process, which torch reads itself; ``None`` where it is silent."""
    stated = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(stated) if stated.isascii() and stated.isdigit() and int(stated) else None


def check(precision: str, exporting: bool = True) -> None:
    """Raise a DataError that says what to do where a runtime is unknown, is no longer there or lacks its packages.

    Parameters
    ----------
    exporting
        Whether a graph may have to be exported: a model that was saved with one runs where nothing can export.
    """
    if precision in RETIRED:
        raise DataError(
            f"runtime: got {precision!r}, which this release no longer has; allowed are {', '.join(RUNTIME_CHOICES)}. "
            f"Set {' or '.join(RETIRED[precision])} in its place."
        )
    if precision not in _NEEDS:
        raise DataError(f"runtime: got {precision!r}; allowed are {', '.join(RUNTIME_CHOICES)}. Set one of them.")
    missing = _missing(precision, exporting)
    if missing:
        extra = _NEEDS[precision].extra
        what = f"the extra (pip install 'purchasing-power[{extra}]')" if extra else "them (pip install -e .)"
        raise DataError(
            f"runtime {precision}: {', '.join(missing)} not installed. Install {what}, "
            f"or set another of {', '.join(RUNTIMES)}."
        )


def installed(names: Sequence[str] = RUNTIMES) -> list[str]:
    """Names of the runtimes whose packages are installed, in the order given."""
    return [name for name in names if not _missing(name)]


def successor(precision: str) -> str:
    """The runtime itself, or what takes the place of one that an earlier version had: the first that is installed."""
    return installed(RETIRED[precision])[0] if precision in RETIRED else precision


def _missing(precision: str, exporting: bool = True) -> list[str]:
    needs = _NEEDS[precision]
    packages = needs.running + (needs.exporting if exporting else ())
    return [package for package in packages if find_spec(package) is None]
