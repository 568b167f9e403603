from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from purchasing_power.errors import DataError
from purchasing_power.text import encoder as encoder_module
from purchasing_power.text import runtime_choice
from purchasing_power.text.encoder import Encoder
from purchasing_power.text.runtime import base
from purchasing_power.text.runtime_choice import Choice, Trial, resolve

TEXTS = ["red milk", "shirt", "good 😀 shirt", "", "milk"]


@pytest.fixture(autouse=True)
def _own_exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(encoder_module.EXPORTS_VARIABLE, str(tmp_path / "exports"))


@pytest.fixture
def speeds(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Texts per second that the two torch runtimes are to have, on a machine with bfloat16."""
    found = {"float32": 10.0, "bfloat16": 20.0}
    monkeypatch.setattr(runtime_choice, "RUNTIMES", tuple(found))
    monkeypatch.setattr(runtime_choice, "_has_bfloat16", lambda device: True)
    monkeypatch.setattr(runtime_choice, "_speed", lambda encoder, sample: found[encoder.precision])
    return found


def _trial(choice: Choice, runtime: str) -> Trial:
    return next(trial for trial in choice.report if trial.runtime == runtime)


def test_a_named_runtime_is_taken_and_the_references_own_goes_first(tiny_bert: Path) -> None:
    assert resolve("minilm", TEXTS, "bfloat16") == Choice(
        "minilm?runtime=bfloat16", "bfloat16", (), "bfloat16, which was asked for"
    )
    both = resolve("minilm?pooling=cls&runtime=float32&device=cpu", TEXTS, "bfloat16", "cuda")
    assert both.reference == "minilm?pooling=cls&runtime=float32&device=cpu"
    assert resolve("minilm", TEXTS, "float32", "cpu").reference == "minilm?runtime=float32&device=cpu"
    assert resolve("minilm", TEXTS).runtime == "float32"


def test_what_does_not_exist_is_refused() -> None:
    with pytest.raises(DataError, match="runtime: got 'fast'"):
        resolve("minilm", TEXTS, "fast")
    with pytest.raises(DataError, match="device: got 'tpu'"):
        resolve("minilm", TEXTS, "float32", "tpu")


def test_auto_takes_the_fastest_that_keeps_to_float32_and_says_why(
    tiny_bert: Path, tmp_path: Path, speeds: dict[str, float]
) -> None:
    choice = resolve(f"{tiny_bert}?max_length=24", TEXTS, "auto", cache=tmp_path / "cache")
    assert choice.reference == f"{tiny_bert}?max_length=24&runtime=bfloat16"
    assert choice.runtime == "bfloat16"
    assert choice.why.startswith("bfloat16, the fastest of 2 that run here and keep to float32 (20 texts/s, ")
    assert _trial(choice, "float32").mean_cosine == pytest.approx(1)
    assert 0.99 < (_trial(choice, "bfloat16").mean_cosine or 0) < 1
    assert not any(trial.out for trial in choice.report)


def test_a_slower_runtime_is_not_taken(tiny_bert: Path, speeds: dict[str, float]) -> None:
    speeds["bfloat16"] = 5
    assert resolve(f"{tiny_bert}?runtime=auto", TEXTS).runtime == "float32"


def test_a_fast_runtime_whose_vectors_differ_is_out(
    tiny_bert: Path, speeds: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = Encoder.encode

    def turned(self: Encoder, texts: Sequence[str], progress: bool = False) -> np.ndarray:
        vectors = encode(self, texts, progress)
        return vectors[:, ::-1] if self.precision == "bfloat16" else vectors

    monkeypatch.setattr(Encoder, "encode", turned)
    choice = resolve(str(tiny_bert), TEXTS, "auto")
    assert choice.runtime == "float32"
    assert _trial(choice, "bfloat16").out == "mean cosine to float32 below 0.995"


def test_what_is_not_installed_or_not_computed_here_is_out_with_its_reason(
    tiny_bert: Path, speeds: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime_choice, "RUNTIMES", ("float32", "bfloat16", "onnx-int8"))
    monkeypatch.setattr(runtime_choice, "_has_bfloat16", lambda device: False)
    monkeypatch.setattr(base, "find_spec", lambda name: None if name == "onnxruntime" else find_spec(name))
    choice = resolve(str(tiny_bert), TEXTS, "auto")
    assert choice.runtime == "float32"
    assert "computes no bfloat16" in _trial(choice, "bfloat16").out
    assert "onnxruntime not installed. Install the extra" in _trial(choice, "onnx-int8").out


def test_the_same_machine_chooses_the_same_again_and_another_one_measures(
    tiny_bert: Path, tmp_path: Path, speeds: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = resolve(str(tiny_bert), TEXTS, "auto", cache=tmp_path)
    speeds["float32"] = 99
    assert resolve(str(tiny_bert), ["other texts"], "auto", cache=tmp_path) == first
    assert resolve(str(tiny_bert), TEXTS, "auto", cache=tmp_path / "elsewhere").runtime == "float32"
    monkeypatch.setattr(runtime_choice, "_processor", lambda: "another one")
    assert resolve(str(tiny_bert), TEXTS, "auto", cache=tmp_path).runtime == "float32"
    kept = list(tmp_path.glob(f"{Encoder.open(str(tiny_bert)).fingerprint}/*"))
    assert len(kept) == 2
    for path in kept:
        assert {trial["runtime"] for trial in json.loads(path.read_text())} == set(speeds)
        assert not any(text in path.read_text() for text in TEXTS if text)


def test_a_spoilt_note_is_measured_anew(tiny_bert: Path, tmp_path: Path, speeds: dict[str, float]) -> None:
    first = resolve(str(tiny_bert), TEXTS, "auto", cache=tmp_path)
    (note,) = tmp_path.glob("*/runtimes-*.json")
    note.write_text(note.read_text()[:20])
    assert resolve(str(tiny_bert), TEXTS, "auto", cache=tmp_path) == first
    assert json.loads(note.read_text())


def test_without_texts_auto_is_float32_and_nothing_is_kept(tiny_bert: Path, tmp_path: Path) -> None:
    assert resolve(str(tiny_bert), [], "auto", cache=tmp_path).runtime == "float32"
    assert not list(tmp_path.iterdir())


def test_the_sample_does_not_depend_on_the_order_of_the_texts() -> None:
    texts = [f"text {number}" for number in range(1000)]
    sample = runtime_choice._sample(texts)
    assert len(set(sample)) == runtime_choice.SAMPLE_TEXTS
    assert runtime_choice._sample([*texts[::-1], *texts]) == sample


def test_what_auto_takes_opens_and_keeps_to_float32(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime_choice, "RUNTIMES", ("float32", "bfloat16", "onnx-float32"))
    choice = resolve(str(tiny_bert), TEXTS, "auto", cache=tmp_path)
    assert [trial.runtime for trial in choice.report] == list(runtime_choice.RUNTIMES)
    assert all(trial.out or (trial.texts_per_second or 0) > 0 for trial in choice.report)
    vectors = Encoder.open(choice.reference).encode(TEXTS)
    assert (vectors * Encoder.open(str(tiny_bert)).encode(TEXTS)).sum(
        axis=1
    ).mean() >= runtime_choice.LEAST_COSINE
