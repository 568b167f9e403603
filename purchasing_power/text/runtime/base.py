"""What a runtime is, which ones there are, which ones this machine can run, and how one is opened."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np

from purchasing_power.errors import DataError
from purchasing_power.text.checkpoint import Checkpoint
from purchasing_power.text.encoder_spec import BFLOAT16, DEVICES, FLOAT32, INT8, RUNTIMES

# Packages that a runtime needs beyond the core ones, by the extra that installs them.
_NEEDS: dict[str, tuple[str, tuple[str, ...]]] = {
    FLOAT32: ("", ()),
    BFLOAT16: ("", ()),
    INT8: ("", ()),
    "openvino-bf16": ("openvino", ("openvino",)),
    "openvino-int8": ("openvino", ("openvino", "nncf")),
    "onnx-float32": ("onnx", ("onnx", "onnxruntime")),
    "onnx-int8": ("onnx", ("onnx", "onnxruntime")),
}


class Runtime(Protocol):
    """A loaded model that maps windows of token ids to pooled vectors.

    Attributes
    ----------
    precision
        Name of the runtime, one of ``RUNTIMES``.
    streams
        Batches that may run at once, each in a thread of its own.
    budget
        Most tokens in a batch that still runs fast.
    """

    precision: str
    streams: int
    budget: int

    def pooled(self, ids: list[list[int]]) -> np.ndarray:
        """Pool a batch of windows: float32, shape (n_windows, dimension), not normalised.

        Safe to call from ``streams`` threads at once. No window's vector depends on the others.
        """
        ...


def open_runtime(
    source: Checkpoint,
    precision: str,
    device: str = "auto",
    cache: Path | None = None,
    threads: int | None = None,
) -> Runtime:
    """Load a model in a runtime, exporting it first where the runtime needs that and no export is kept.

    Parameters
    ----------
    precision
        Name of the runtime, one of ``RUNTIMES``.
    device
        ``"auto"`` is CUDA where torch sees it, else the processor; exported graphs run on the processor.
    cache
        Folder that keeps exports by fingerprint and precision; without one they are made anew.
    threads
        Threads to use in all; by default what ``OMP_NUM_THREADS`` says, else those that the process may run on.

    Raises
    ------
    DataError
        If the runtime is unknown, its packages are missing or it cannot run the model.
    """
    check(precision)
    if device not in DEVICES:
        raise DataError(f"device: got {device!r}; allowed are {', '.join(DEVICES)}. Set one of them.")
    threads = threads or stated_threads()
    if precision.startswith("openvino"):
        opener = import_module("purchasing_power.text.runtime.openvino").open_openvino
    elif precision.startswith("onnx"):
        opener = import_module("purchasing_power.text.runtime.onnx").open_onnx
    else:
        return import_module("purchasing_power.text.runtime.torch_open").open_torch(
            source, precision, device, cache, threads
        )
    return opener(source, precision, cache, threads)


def stated_threads() -> int | None:
    """Threads that ``OMP_NUM_THREADS`` allows this process, which torch reads itself; ``None`` where it is silent."""
    stated = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(stated) if stated.isascii() and stated.isdigit() and int(stated) else None


def check(precision: str) -> None:
    """Raise a DataError that says what to install where a runtime is unknown or lacks its packages."""
    if precision not in _NEEDS:
        raise DataError(f"runtime: got {precision!r}; allowed are {', '.join(RUNTIMES)}. Set one of them.")
    extra, packages = _NEEDS[precision]
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise DataError(
            f"runtime {precision}: {', '.join(missing)} not installed. Install the extra "
            f"(pip install 'purchasing-power[{extra}]'), or set another of {', '.join(RUNTIMES)}."
        )


def installed(names: Sequence[str] = RUNTIMES) -> list[str]:
    """Names of the runtimes whose packages are installed, in the order given."""
    return [name for name in names if all(find_spec(package) for package in _NEEDS[name][1])]
