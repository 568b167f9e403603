"""The encoders of a study: each resolved to a runtime, its texts encoded once, its speed and size measured."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import mlflow
import optuna

from purchasing_power.evaluation.cross_validation import CrossValidation
from purchasing_power.model.params import ModelParams
from purchasing_power.text.encoder import Encoder
from purchasing_power.text.runtime_choice import resolve
from purchasing_power.text.store import VectorStore, store_folder, vectors
from purchasing_power.tuning.trial_comparison import TrialInterval, compare_trials
from steps.study.trial_runs import ranked

log = logging.getLogger(__name__)

# Texts that a speed is measured on where the store holds all others already.
SAMPLE = 256


@dataclass(frozen=True)
class StudyEncoder:
    """An encoder as a study uses it.

    Attributes
    ----------
    asked
        The spec that the user gave.
    spec
        The same with the runtime that was taken.
    texts_per_second
        Distinct texts encoded a second on this machine.
    size_mb
        Weights on disk, MB.
    """

    asked: str
    spec: str
    runtime: str
    dimension: int
    size_mb: float
    texts_per_second: float


@dataclass(frozen=True)
class ComparedEncoder:
    """The best that a study reached with an encoder.

    Attributes
    ----------
    encoder
        ``None`` for the best trial that reads none.
    trial
        Number of the trial, ``None`` where it was made for the comparison.
    """

    encoder: StudyEncoder | None
    trial: int | None
    params: ModelParams
    interval: TrialInterval


def prepare(asked: Sequence[str], texts: list[str], runtime: str, device: str, workspace: Path) -> list[StudyEncoder]:
    """Resolve each reference once, and encode the texts that the store lacks.

    Parameters
    ----------
    texts
        Distinct texts of the rows that the folds fit on and score.
    """
    cache = workspace / "encoders"
    encoders = []
    for number, one in enumerate(dict.fromkeys(asked)):
        choice = resolve(one, texts, runtime, device, cache)
        encoder = Encoder.open(choice.spec)
        log.info("encoder %s: runtime %s", one, choice.why)
        speed = _encode(encoder, texts, store_folder(workspace), cache)
        encoders.append(StudyEncoder(one, choice.spec, choice.runtime, encoder.dimension, encoder.size_mb, speed))
        _log(number, encoders[-1])
    return encoders


def compare(
    study: optuna.Study, validation: CrossValidation, encoders: Sequence[StudyEncoder]
) -> list[ComparedEncoder]:
    """Evaluate each encoder by its best complete trial, beside the best trial that reads no encoder.

    An encoder of which no trial completed is evaluated with the settings of the best trial that reads another.
    """
    trials = ranked(study)
    reading = [(number, params) for number, params in trials if params.encoders]
    if not reading:
        return []
    candidates: list[tuple[StudyEncoder | None, int | None, ModelParams]] = []
    for encoder in encoders:
        own = [one for one in reading if encoder.spec in one[1].encoders]
        stand_in = (None, replace(reading[0][1], encoder=encoder.spec))
        candidates.append((encoder, *(own[0] if own else stand_in)))
    candidates += [(None, number, params) for number, params in trials if not params.reads_model][:1]
    intervals = compare_trials(validation, [params for _, _, params in candidates])
    return [
        ComparedEncoder(encoder, number, params, interval)
        for (encoder, number, params), interval in zip(candidates, intervals, strict=True)
    ]


def _encode(encoder: Encoder, texts: list[str], folder: str, cache: Path) -> float:
    """Fill the store, and give the texts encoded a second: measured now, or the figure of an earlier study."""
    note = cache / f"{encoder.store_key}.json"
    store = VectorStore(folder)
    missing = store.get(encoder.store_key, texts)[1]
    if len(missing) >= SAMPLE:
        encoder.encode(["load the weights"])
        start = time.perf_counter()
        vectors(encoder, [texts[place] for place in missing], store, progress=True)
        return _note(note, len(missing) / (time.perf_counter() - start))
    vectors(encoder, [texts[place] for place in missing], store)
    if note.exists():
        return float(json.loads(note.read_text(encoding="utf-8"))["texts_per_second"])
    sample = texts[:: max(1, len(texts) // SAMPLE)][:SAMPLE] or [""]
    encoder.encode(["load the weights"])
    start = time.perf_counter()
    encoder.encode(sample)
    return _note(note, len(sample) / (time.perf_counter() - start))


def _note(path: Path, speed: float) -> float:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.draft")
    draft.write_text(json.dumps({"texts_per_second": speed}), encoding="utf-8")
    os.replace(draft, path)
    return speed


def _log(number: int, encoder: StudyEncoder) -> None:
    values = asdict(encoder)
    tags = {f"encoder.{number}.{name}": str(values[name]) for name in ("asked", "spec", "runtime")}
    figures = {name: float(values[name]) for name in ("dimension", "size_mb", "texts_per_second")}
    mlflow.set_tags(tags)
    mlflow.log_metrics({f"encoder.{number}.{name}": value for name, value in figures.items()})
