"""Tests of the option ``layers``: the lowest layers of a model are a model of their own, in every runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from purchasing_power.errors import DataError
from purchasing_power.text import checkpoint
from purchasing_power.text.encoder import Encoder

TEXTS = ["red shoes", "milk and bread and milk"]


def test_vectors_are_pooled_from_the_layer_that_is_named(tiny_bert: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    given = AutoTokenizer.from_pretrained(tiny_bert)(TEXTS[1], return_tensors="pt")
    model = AutoModel.from_pretrained(tiny_bert).eval()
    with torch.inference_mode():
        states = model(**given, output_hidden_states=True).hidden_states
    for layers, state in enumerate(states[1:], start=1):
        expected = state[0].mean(dim=0).numpy()
        found = Encoder.open(f"{tiny_bert}?layers={layers}").encode([TEXTS[1]])[0]
        np.testing.assert_allclose(found, expected / np.linalg.norm(expected), atol=1e-5)


@pytest.mark.parametrize("runtime", ["float32", "onnx-float32"])
@pytest.mark.parametrize("kind", ["bert", "gpt"])
def test_a_saved_model_runs_as_many_layers_as_before(
    kind: str, runtime: str, tiny_bert: Path, tiny_gpt: Path, tmp_path: Path
) -> None:
    folder = tiny_bert if kind == "bert" else tiny_gpt
    whole, lower = (Encoder.open(f"{folder}?runtime={runtime}{more}") for more in ("", "&layers=1"))
    assert whole.fingerprint != lower.fingerprint
    expected = lower.encode(TEXTS)
    assert np.abs(expected - whole.encode(TEXTS)).max() > 0.01
    lower.save(tmp_path / "saved")
    saved = Encoder.open(f"{tmp_path / 'saved'}?runtime={runtime}")
    assert saved.fingerprint == lower.fingerprint
    np.testing.assert_allclose(saved.encode(TEXTS), expected, atol=1e-6)


def test_all_layers_are_the_model_itself(tiny_bert: Path) -> None:
    assert checkpoint.find(f"{tiny_bert}?layers=2").fingerprint() == checkpoint.find(str(tiny_bert)).fingerprint()


def test_more_layers_than_the_model_has_are_refused(tiny_bert: Path) -> None:
    with pytest.raises(DataError, match=r"layers: got 3; the model has 2 layers"):
        checkpoint.find(f"{tiny_bert}?layers=3")
