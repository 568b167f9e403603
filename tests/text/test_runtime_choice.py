from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from purchasing_power.errors import DataError
from purchasing_power.text import encoder as encoder_module
from purchasing_power.text import runtime_choice
from purchasing_power.text.encoder import Encoder
from purchasing_power.text.encoder_spec import RETIRED
from purchasing_power.text.runtime import base, onnx
from purchasing_power.text.runtime_choice import RuntimeChoice, order, resolve

TEXTS = ["red milk", "shirt", "good 😀 shirt", "", "milk"]


@pytest.fixture(autouse=True)
def _own_exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(encoder_module.EXPORTS_VARIABLE, str(tmp_path / "exports"))


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that has neither VNNI nor bfloat16."""
    monkeypatch.setattr(base, "processor_features", lambda: frozenset({"avx2"}))


def test_a_named_runtime_is_taken_and_the_references_own_goes_first(tiny_bert: Path) -> None:
    assert resolve("minilm", TEXTS, "onnx-int8") == RuntimeChoice(
        "minilm?runtime=onnx-int8", "onnx-int8", "onnx-int8, which was asked for"
    )
    both = resolve("minilm?pooling=cls&runtime=float32&device=cpu", TEXTS, "onnx-int8", "cuda")
    assert both.spec == "minilm?pooling=cls&runtime=float32&device=cpu"
    assert resolve("minilm", TEXTS, "float32", "cpu").spec == "minilm?runtime=float32&device=cpu"


def test_what_does_not_exist_is_refused() -> None:
    with pytest.raises(DataError, match="runtime: got 'fast'; allowed are exact, auto, float32"):
        resolve("minilm", TEXTS, "fast")
    with pytest.raises(DataError, match="device: got 'tpu'"):
        resolve("minilm", TEXTS, "float32", "tpu")


@pytest.mark.parametrize("runtime", sorted(RETIRED))
def test_a_runtime_of_an_earlier_release_is_refused_where_it_is_asked_for_and_replaced_where_it_is_recorded(
    runtime: str,
) -> None:
    with pytest.raises(DataError, match=f"no longer has.*Set {RETIRED[runtime][0]}"):
        resolve("minilm", TEXTS, runtime)
    choice = resolve(f"minilm?runtime={runtime}&layers=4", TEXTS)
    assert choice.runtime == base.installed(RETIRED[runtime])[0]
    assert choice.spec == f"minilm?runtime={choice.runtime}&layers=4"
    assert f"in place of {runtime}" in choice.why


@pytest.mark.parametrize(
    ("features", "first", "exact"),
    [
        ({"avx2"}, "onnx-int8", "onnx-float32"),
        ({"avx2", "avx_vnni"}, "openvino-int8", "onnx-float32"),
        ({"avx512_vnni", "avx512_bf16"}, "openvino-int8", "openvino-bf16"),
    ],
)
def test_the_processors_features_decide_the_order(
    features: set[str], first: str, exact: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "processor_features", lambda: frozenset(features))
    assert (order()[0], order()[-1]) == (first, "float32")
    assert next(name for name in order() if name in runtime_choice._EXACT) == exact


def test_auto_takes_the_first_of_the_order_that_keeps_to_float32_and_says_why(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Rounding costs a tiny random model more than a real one.
    monkeypatch.setitem(runtime_choice.LEAST_COSINE, "auto", 0.97)
    choice = resolve(f"{tiny_bert}?max_length=24", TEXTS, "auto", cache=tmp_path / "cache")
    assert choice.spec == f"{tiny_bert}?max_length=24&runtime=onnx-int8"
    assert choice.why.startswith("onnx-int8 (mean cosine to float32 0.9")
    assert choice.why.endswith("the fastest here for auto")
    monkeypatch.setitem(runtime_choice.LEAST_COSINE, "auto", 0.999999)
    other = resolve(f"{tiny_bert}?max_length=24", TEXTS, "auto", cache=tmp_path / "cache")
    assert other.runtime == "onnx-float32"
    assert "not onnx-int8: its mean cosine to float32 is 0.9" in other.why


def test_exact_takes_no_rounded_runtime(tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(runtime_choice.LEAST_COSINE, "exact", 0.0)
    assert resolve(str(tiny_bert), TEXTS).runtime == "onnx-float32"
    assert resolve(f"{tiny_bert}?runtime=exact", TEXTS, "auto").runtime == "onnx-float32"


def test_the_vectors_of_exact_are_those_of_float32(tiny_bert: Path) -> None:
    choice = resolve(str(tiny_bert), TEXTS)
    vectors = Encoder.open(choice.spec).encode(TEXTS)
    np.testing.assert_allclose(vectors, Encoder.open(str(tiny_bert)).encode(TEXTS), atol=1e-5)


@pytest.mark.slow
def test_bfloat16_is_compared_before_it_passes_for_exact(tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino")
    monkeypatch.setattr(base, "processor_features", lambda: base.BFLOAT16_INSTRUCTIONS)
    for least, runtime in ((0.9, "openvino-bf16"), (1.1, "onnx-float32")):
        monkeypatch.setitem(runtime_choice.LEAST_COSINE, "exact", least)
        assert resolve(str(tiny_bert), TEXTS).runtime == runtime


def test_what_is_not_installed_is_passed_over_with_its_reason(tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "find_spec", lambda name: None if name == "onnxruntime" else find_spec(name))
    for asked in ("auto", "exact"):
        choice = resolve(str(tiny_bert), TEXTS, asked)
        assert choice.runtime == "float32"
        assert "not onnx-float32: runtime onnx-float32: onnxruntime not installed" in choice.why


def test_a_model_that_does_not_export_runs_in_torch(tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx, "OPSET", 99)
    choice = resolve(str(tiny_bert), TEXTS)
    assert choice.runtime == "float32"
    assert "it does not export to ONNX" in choice.why


def test_cuda_runs_float32_in_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve("minilm", TEXTS, "auto", "cuda").spec == "minilm?runtime=float32&device=cuda"
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert resolve("minilm", TEXTS).why == "float32 on CUDA"


def test_without_texts_no_runtime_is_taken_that_would_have_to_be_compared(tiny_bert: Path, tmp_path: Path) -> None:
    choice = resolve(str(tiny_bert), [], "auto", cache=tmp_path)
    assert choice.runtime == "onnx-float32"
    assert "not onnx-int8: there is no text to compare its vectors on" in choice.why


def test_the_choice_does_not_depend_on_the_order_of_the_texts(tiny_bert: Path) -> None:
    texts = [f"text {number}" for number in range(1000)]
    sample = runtime_choice._sample(texts)
    assert len(set(sample)) == runtime_choice.SAMPLE_TEXTS
    assert runtime_choice._sample([*texts[::-1], *texts]) == sample
    assert resolve(str(tiny_bert), TEXTS, "auto") == resolve(str(tiny_bert), TEXTS[::-1], "auto")
