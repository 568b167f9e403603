"""Versions whose encoder ran in a runtime that is gone are read by one that is there."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from before import unpacked

from purchasing_power.model import bundle
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.snapshot import user_table
from purchasing_power.text import encoder as encoder_module
from purchasing_power.text.encoder import Encoder

# Of the model shop: a head on int8 vectors, and a blend with a member on bfloat16 vectors.
VERSIONS = [("int8", "shop/6"), ("bfloat16", "shop/3")]


@pytest.fixture
def before() -> Path:
    """The store of the commit before, unpacked."""
    return unpacked()


@pytest.fixture(autouse=True)
def opened_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_module, "_OPENED", {})
    monkeypatch.setenv(encoder_module.EXPORTS_VARIABLE, str(tmp_path / "exports"))


def _bundle(before: Path, runtime: str, place: Path) -> Path:
    [home] = (before / "artifacts" / "models").rglob(f"encoder-*-{runtime}")
    [folder] = [parent for parent in home.parents if parent.name == "bundle"]
    return Path(shutil.copytree(folder, place))


def _compare(model: PurchasingModel, before: Path, version: str, tolerance: float) -> None:
    told = json.loads((before / "predictions.json").read_text())
    [users] = before.glob(f"artifacts/**/{told['users']['shop'].split('/')[1]}/artifacts/users")
    found = model.predict(user_table.read(users).frame.head(40))
    for name, values in told["said"][version].items():
        if isinstance(values[0], float):
            np.testing.assert_allclose(found[name], values, atol=tolerance * max(map(abs, values)))


@pytest.mark.parametrize(("runtime", "version"), VERSIONS)
def test_a_version_says_what_it_said_and_one_line_says_what_encodes_new_texts(
    runtime: str, version: str, before: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = _bundle(before, runtime, tmp_path / "bundle")
    with caplog.at_level(logging.WARNING):
        _compare(bundle.load(folder), before, version, 1e-6)
    [line] = [record.getMessage() for record in caplog.records if record.name == encoder_module.__name__]
    assert f"encodes new texts, in place of {runtime}, which this release no longer has" in line


@pytest.mark.parametrize(("runtime", "version"), VERSIONS)
def test_texts_without_a_vector_of_the_old_runtime_are_encoded_closely(
    runtime: str, version: str, before: Path, tmp_path: Path
) -> None:
    folder = _bundle(before, runtime, tmp_path / "bundle")
    for vectors in folder.rglob("vectors"):
        shutil.rmtree(vectors)
    _compare(bundle.load(folder), before, version, 0.05)


def test_vectors_of_the_old_runtime_are_not_mixed_with_new_ones(before: Path, tmp_path: Path) -> None:
    folder = _bundle(before, "int8", tmp_path / "bundle")
    [home] = folder.glob("encoder-*")
    old, new = (Encoder.open(f"{home}?runtime={runtime}") for runtime in ("int8", "onnx-int8"))
    assert old.runtime == new.runtime == "onnx-int8"
    assert old.store_key == f"{old.fingerprint}-int8" != new.store_key
    # A folder that no model was saved with: what is fitted on it from now on has a runtime of today.
    shutil.copytree(home, tmp_path / "model", ignore=shutil.ignore_patterns("encoder.json"))
    fresh = Encoder.open(f"{tmp_path / 'model'}?runtime=int8")
    assert (fresh.precision, fresh.runtime) == ("onnx-int8", "onnx-int8")
    assert not fresh.store_key.endswith("-int8")
