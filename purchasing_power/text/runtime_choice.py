"""The fastest runtime of this machine whose vectors are those of float32."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from purchasing_power.errors import DataError
from purchasing_power.text import checkpoint
from purchasing_power.text.checkpoint import Checkpoint
from purchasing_power.text.encoder import EXPORTS_VARIABLE, Encoder, exports_folder
from purchasing_power.text.encoder_spec import AUTO, BFLOAT16, DEVICES, FLOAT32, RUNTIMES, Reference, parse
from purchasing_power.text.runtime.base import check

SAMPLE_TEXTS = 128
LEAST_COSINE = 0.995
ROUNDS = 3
_PACKAGES = ("torch", "transformers", "openvino", "nncf", "onnx", "onnxruntime")
_BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}


@dataclass(frozen=True)
class Trial:
    """What one runtime gave on the sample.

    Attributes
    ----------
    mean_cosine
        To the vectors of float32, over the sample.
    texts_per_second
        Fastest of ``ROUNDS`` rounds.
    out
        Why the runtime is out; empty where it is not.
    """

    runtime: str
    mean_cosine: float | None = None
    texts_per_second: float | None = None
    out: str = ""


@dataclass(frozen=True)
class Choice:
    """A reference that names its runtime.

    Attributes
    ----------
    reference
        The full reference, for ``Encoder.open``.
    runtime
        The runtime that it names.
    report
        Every runtime that was tried or left out; empty where the runtime was named, not chosen.
    why
        One sentence for people.
    """

    reference: str
    runtime: str
    report: tuple[Trial, ...] = ()
    why: str = ""


def resolve(
    reference: str,
    texts: Sequence[str],
    runtime: str = FLOAT32,
    device: str = AUTO,
    cache: Path | str | None = None,
) -> Choice:
    """Name the runtime of an encoder; ``"auto"`` takes the fastest whose mean cosine to float32 is at least 0.995.

    Cosines and speeds are taken on a seeded sample of the texts. The choice is kept by fingerprint, processor
    and installed versions, so that the same machine chooses the same again, whatever the texts are by then.

    Parameters
    ----------
    reference
        Encoder reference; a runtime or device that it names goes before the two parameters.
    texts
        The user's own; without any, ``"auto"`` is float32.
    runtime
        Of a reference that names none.
    cache
        Folder for choices and exported graphs, by fingerprint, which this process and its children use from now
        on; ``None`` leaves it as it is (``text.encoder.exports_folder``).

    Raises
    ------
    DataError
        If the runtime is unknown or not installed, or the encoder cannot be had.
    """
    wanted = parse(reference)
    runtime, device = wanted.runtime or runtime, wanted.device or device
    if device not in DEVICES:
        raise DataError(f"device: got {device!r}; allowed are {', '.join(DEVICES)}. Set one of them.")
    if cache is not None:
        os.environ[EXPORTS_VARIABLE] = str(Path(cache).resolve())
    wanted = replace(wanted, device=None if device == AUTO else device)
    if runtime != AUTO:
        check(runtime)
        return _choice(wanted, runtime, (), f"{runtime}, which was asked for")
    if not len(texts):
        return _choice(wanted, FLOAT32, (), f"{FLOAT32}, since there is no text to compare the others on")
    report = _report(wanted, texts, device)
    able = [trial for trial in report if not trial.out]
    best = max(able, key=lambda trial: trial.texts_per_second or 0)
    speed = f"{best.texts_per_second:.0f} texts/s, mean cosine to float32 {best.mean_cosine:.4f}"
    why = f"{best.runtime}, the fastest of {len(able)} that run here and keep to float32 ({speed})"
    return _choice(wanted, best.runtime, report, why)


def _choice(wanted: Reference, runtime: str, report: tuple[Trial, ...], why: str) -> Choice:
    return Choice(str(replace(wanted, runtime=runtime)), runtime, report, why)


def _report(wanted: Reference, texts: Sequence[str], device: str) -> tuple[Trial, ...]:
    """Read what was measured on this machine before, or measure and keep it."""
    source = checkpoint.find(wanted)
    fingerprint = source.fingerprint()
    kept = exports_folder() / fingerprint / f"runtimes-{_machine(device)}.json"
    try:
        return tuple(Trial(**values) for values in json.loads(kept.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        report = _measure(source, fingerprint, _sample(texts), device)
    kept.parent.mkdir(parents=True, exist_ok=True)
    draft = kept.with_suffix(f".{uuid.uuid4().hex}.draft")
    draft.write_text(json.dumps([asdict(trial) for trial in report], indent=1), encoding="utf-8")
    os.replace(draft, kept)
    return report


def _measure(source: Checkpoint, fingerprint: str, sample: list[str], device: str) -> tuple[Trial, ...]:
    expected = np.zeros(0)
    report = []
    # float32 comes first: the others are compared with it.
    for name in tqdm(RUNTIMES, desc="choose runtime", unit="runtime"):
        try:
            _check_candidate(name, device)
            # Made here and dropped: the models that are not chosen leave the memory.
            encoder = Encoder(source, fingerprint, name, device)
            found = encoder.encode(sample)
        except DataError as error:
            if name == FLOAT32:
                raise
            report.append(Trial(name, out=str(error)))
            continue
        expected = found if name == FLOAT32 else expected
        cosine = float((found * expected).sum(axis=1).mean())
        out = "" if cosine >= LEAST_COSINE else f"mean cosine to float32 below {LEAST_COSINE}"
        report.append(Trial(name, round(cosine, 6), round(_speed(encoder, sample), 1), out))
    return tuple(report)


def _check_candidate(name: str, device: str) -> None:
    check(name)
    if device == "cuda" and name not in (FLOAT32, BFLOAT16):
        raise DataError(f"runtime {name}: runs on the processor alone; device is cuda.")
    if name.endswith(("bfloat16", "bf16")) and not _has_bfloat16(device):
        raise DataError(f"runtime {name}: this machine computes no bfloat16.")


def _has_bfloat16(device: str) -> bool:
    if _BFLOAT16_FLAGS & set(_processor().split()):
        return True
    import torch

    return device != "cpu" and torch.cuda.is_available() and torch.cuda.is_bf16_supported()


def _sample(texts: Sequence[str]) -> list[str]:
    distinct = sorted(set(texts))
    count = min(SAMPLE_TEXTS, len(distinct))
    picked = np.random.default_rng(0).choice(len(distinct), count, replace=False)
    return [distinct[row] for row in np.sort(picked)]


def _speed(encoder: Encoder, sample: list[str]) -> float:
    """Texts per second, the fastest of some rounds."""
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        encoder.encode(sample)
        seconds.append(time.perf_counter() - start)
    return len(sample) / max(min(seconds), 1e-9)


def _machine(device: str) -> str:
    """Digest of what decides speed and support: processor, cores, device, versions."""
    known = {found.metadata["Name"]: found.version for found in map(_distribution, _PACKAGES) if found}
    facts = [_processor(), platform.machine(), len(os.sched_getaffinity(0)), device, sorted(known.items())]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]


def _distribution(package: str) -> metadata.Distribution | None:
    try:
        return metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    """Flags of the processor, as Linux names them."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    flags = (line.partition(":")[2] for line in lines if line.startswith(("flags", "Features")))
    return " ".join(sorted(next(flags, "").split()))
