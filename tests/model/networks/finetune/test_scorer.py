"""Tests of the fine-tuned language model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tables
from safetensors.numpy import load_file
from sklearn.metrics import roc_auc_score

from purchasing_power.errors import DataError
from purchasing_power.model import bundle, purchasing_model
from purchasing_power.model.features import prepare
from purchasing_power.model.flat_params import model_params
from purchasing_power.model.heads.finetuned import Finetuned
from purchasing_power.model.networks.documents import RowWindows, batches, pieces, row_texts, row_windows
from purchasing_power.model.networks.finetune import fit as finetune_fit
from purchasing_power.model.networks.finetune import scorer as finetune_scorer
from purchasing_power.model.networks.finetune import training as finetune_training
from purchasing_power.model.networks.finetune.language_model import LanguageModel
from purchasing_power.model.networks.finetune.scorer import FinetunedScorer
from purchasing_power.model.networks.holdout import hold_out
from purchasing_power.model.params import ModelParams
from purchasing_power.model.purchasing_model import rows_to_fit
from purchasing_power.model.scorer import Fitting, RunSettings
from purchasing_power.model.splits import split
from purchasing_power.snapshot.target import fit_target
from purchasing_power.snapshot.user_table import UserTableMeta
from purchasing_power.text.encoder import Encoder
from purchasing_power.text.store import VectorStore
from purchasing_power.text.tokens import open_tokens

META = UserTableMeta(kind="flat", numeric=(), categorical=(), label="label", task="binary")


def _params(encoder: Path | str, **changes: Any) -> ModelParams:
    return model_params(
        **{
            "representation": "finetuned",
            "head": "finetuned",
            "encoder": str(encoder),
            "finetune_epochs": 3,
            "finetune_rate": 3e-3,
            "network_rate": 1e-2,
            "hidden": 8,
            "finetune_rows": 16,
            **changes,
        }
    )


def _fitting(rows: int = 120, rare: float = 0.5, **changes: Any) -> Fitting:
    """Texts of which one word, somewhere among others, tells the class; no other column does."""
    rng = np.random.default_rng(1)
    y = (rng.random(rows) < rare).astype(np.int64)
    words = np.asarray(["bad", "fit", "size", "blue", "shop"])
    texts = [[" ".join([*rng.choice(words, 3), ("red", "milk")[code]]), "shop"] for code in y]
    frame = pd.DataFrame({"documents": texts, "user_id": [f"user-{n}" for n in range(rows)]})
    return Fitting(frame=frame, y=y, task="binary", classes=2, **changes)


def _settings(**changes: Any) -> Finetuned:
    head = _params("minilm", **changes).head
    assert isinstance(head, Finetuned)
    return head


def _fit(params: ModelParams, fitting: Fitting) -> FinetunedScorer:
    scorer = params.head.fit(params, META, fitting)
    assert isinstance(scorer, FinetunedScorer)
    return scorer


def _reading(encoder: Path, texts: list[list[str]], most: int = 4096) -> RowWindows:
    return row_windows(row_texts(pd.Series(texts), 8), open_tokens(Encoder.open(str(encoder)).source), most)


@pytest.mark.parametrize("finetune", ["full", "lora"])
def test_it_learns_a_signal_that_stands_in_the_texts_alone(tiny_bert: Path, finetune: str) -> None:
    rate = {"full": 3e-3, "lora": 3e-2}[finetune]
    params = _params(tiny_bert, finetune=finetune, finetune_rate=rate, finetune_epochs=6)
    scorer = _fit(params, _fitting())
    new = _fitting(rows=240)
    raw = scorer.raw(new.frame.iloc[120:])
    assert roc_auc_score(new.y[120:], raw) > 0.9
    assert scorer.encoder.fingerprint != Encoder.open(str(tiny_bert)).fingerprint


def test_the_same_seed_gives_the_same_scores_and_another_one_others(tiny_bert: Path) -> None:
    fitting = _fitting(rows=60)
    first, again, other = (
        _fit(_params(tiny_bert), replace(fitting, seed=seed)).raw(fitting.frame) for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


@pytest.mark.parametrize("kind", ["flat", "panel"])
def test_a_bundle_predicts_what_the_fitted_model_does(tiny_bert: Path, tmp_path: Path, kind: str) -> None:
    table = tables.flat(120, classes=3) if kind == "flat" else tables.panel(30)
    parts = split(table)
    target = fit_target("label" if kind == "flat" else "spend", table, parts.train)
    loss = "auto" if kind == "flat" else "tweedie"
    params = _params(tiny_bert, finetune_epochs=1, loss=loss)
    model = purchasing_model.fit(table, parts, target, params, RunSettings(store=str(tmp_path / "store")))
    rows = table.frame.iloc[parts.test]
    told = model.outputs(rows)
    bundle.save(model, tmp_path / "bundle", tables.TEXTS, str(tmp_path / "store"))
    del model
    loaded = bundle.load(tmp_path / "bundle")
    assert np.allclose(loaded.outputs(rows), told, atol=1e-6)
    assert {path.suffix for path in (tmp_path / "bundle").rglob("*") if path.is_file()} <= {
        *(".json", ".safetensors", ".skops", ".txt", ".shard")
    }
    encoder = loaded.scorer.encoder  # type: ignore[attr-defined]
    warm = VectorStore(tmp_path / "bundle" / "vectors")
    assert not len(warm.get(encoder.store_key, tables.TEXTS)[1])


@pytest.mark.parametrize("finetune", ["full", "lora"])
@pytest.mark.parametrize("model", ["tiny_bert", "tiny_gpt"])
def test_what_is_written_gives_the_vectors_of_training(
    request: pytest.FixtureRequest, tmp_path: Path, model: str, finetune: str
) -> None:
    import torch

    folder = request.getfixturevalue(model)
    texts = [["red milk", "a long text " * 12], ["blue"], [], ["red milk"]]
    reading = _reading(folder, texts)
    language = LanguageModel(Encoder.open(str(folder)).source, _settings(finetune=finetune), reading.ids, "cpu")
    language.half = False
    torch.manual_seed(0)
    before = {name: one.detach().clone() for name, one in language.model.state_dict().items()}
    with torch.no_grad():
        for one in language.weights().values():
            one.add_(0.1 * torch.randn_like(one))
        in_training = language.vectors(reading.batch(np.arange(4))).numpy()
    moved = {n for n, one in language.model.state_dict().items() if not torch.equal(one, before[n])}
    assert moved
    assert all("lora_" in name for name in moved) or finetune == "full"
    language.write(tmp_path / "tuned")
    tuned = Encoder.open(str(tmp_path / "tuned"))
    rows = row_texts(pd.Series(texts), 8)
    assert np.allclose(rows.share @ tuned.encode(rows.texts), in_training, atol=1e-5)
    assert np.allclose(np.linalg.norm(in_training[[1, 3]], axis=1), 1, atol=1e-5)
    assert not in_training[2].any()
    assert tuned.source.pooling == Encoder.open(str(folder)).source.pooling


@pytest.mark.parametrize("model", ["tiny_bert", "tiny_gpt"])
def test_frozen_layers_stay_and_what_they_give_is_kept(
    request: pytest.FixtureRequest, tmp_path: Path, model: str
) -> None:
    import torch

    folder = request.getfixturevalue(model)
    texts = [["red milk", "a long text " * 12], ["blue"]]
    reading, source = _reading(folder, texts), Encoder.open(str(folder)).source
    kept = LanguageModel(source, _settings(frozen_layers=1), reading.ids, "cpu")
    plain = LanguageModel(source, _settings(), reading.ids, "cpu")
    batch = reading.batch(np.arange(2))
    with torch.no_grad():
        same = torch.nn.functional.cosine_similarity(kept.vectors(batch), plain.vectors(batch))
    assert same.min() > 0.999
    kept.vectors(batch).sum().backward()
    assert all(one.grad is not None for one in kept.weights().values())
    with torch.no_grad():
        for one in kept.weights().values():
            one.add_(0.1)
    kept.write(tmp_path / "tuned")
    before, after = (load_file(folder / "model.safetensors"), load_file(tmp_path / "tuned" / "model.safetensors"))
    names = {name.removeprefix("transformer."): name for name in before}
    unmoved = {name for name, values in after.items() if np.array_equal(values, before[names[name]])}
    assert unmoved
    assert not any(".1." in name or "ln_f" in name for name in unmoved)
    assert all(name in unmoved for name in after if ".0." in name or "embeddings" in name or name.startswith("w"))


def test_more_frozen_layers_than_the_model_has_are_refused(tiny_bert: Path) -> None:
    with pytest.raises(DataError, match=r"frozen_layers: got 2; .* has 2 layers"):
        _fit(_params(tiny_bert, frozen_layers=2), _fitting(rows=40))


KILLED = """
import os, signal, sys
sys.path[:0] = [{tests!r}, {root!r}]
import importlib.util
from purchasing_power.model.networks.finetune import training as finetune_training
spec = importlib.util.spec_from_file_location("tests_of_scorer", {module!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
finetune_training.CHECKPOINT_STEPS = 2
written = 0
keep = finetune_training.TrainingRun._write_checkpoint
def kept_and_killed(run):
    global written
    keep(run)
    written += 1
    if written == 5:
        os.kill(os.getpid(), signal.SIGKILL)
finetune_training.TrainingRun._write_checkpoint = kept_and_killed
module._fit(module._params({encoder!r}), module._fitting(workspace={workspace!r}, threads=1))
"""


@pytest.mark.slow
def test_a_fit_killed_in_the_middle_goes_on_to_the_same_model(tiny_bert: Path, tmp_path: Path) -> None:
    curve: list[tuple[str, float, int]] = []
    fitting = _fitting(threads=1, curve=lambda *one: curve.append(one))
    whole = _fit(_params(tiny_bert), fitting)
    workspace = tmp_path / "workspace"
    paths = {"tests": str(Path(__file__).parents[3] / "support"), "root": str(Path(__file__).parents[4])}
    code = KILLED.format(**paths, module=__file__, encoder=str(tiny_bert), workspace=str(workspace))
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    [left] = workspace.rglob("*.safetensors")
    assert left.name == "stopped.safetensors"
    told: list[tuple[str, float, int]] = []
    again = replace(fitting, workspace=str(workspace), curve=lambda *one: told.append(one))
    resumed = _fit(_params(tiny_bert), again)
    assert np.array_equal(resumed.raw(fitting.frame), whole.raw(fitting.frame))
    assert resumed.encoder.fingerprint == whole.encoder.fingerprint
    assert told == curve
    assert not left.exists()


def test_a_finished_fit_is_taken_from_the_workspace_and_few_are_kept(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finetune_fit, "MOST_FITS", 1)
    told: list[Any] = []
    fitting = _fitting(rows=40, workspace=str(tmp_path), curve=lambda *one: told.append(one))
    first = _fit(_params(tiny_bert, finetune_epochs=1), fitting)
    count = len(told)
    again = _fit(_params(tiny_bert, finetune_epochs=1), fitting)
    assert count and len(told) == count
    _fit(_params(tiny_bert, finetune_epochs=1), replace(fitting, seed=5))
    assert len(list((tmp_path / "finetune").iterdir())) == 1
    # What was removed from the workspace is still whole for who reads it.
    assert np.array_equal(first.raw(fitting.frame), again.raw(fitting.frame))


def test_a_panel_is_stopped_by_its_latest_cutoff_and_learns_from_outcomes_known_by_then() -> None:
    table = tables.panel(20, cutoffs=6)
    train = table.frame.iloc[split(table).train]
    extra = train.assign(cutoff=train["cutoff"] + pd.Timedelta(days=7))
    frame = rows_to_fit(pd.concat([train, extra], ignore_index=True), table.meta)
    y = np.zeros(len(frame), np.int64)
    parts = hold_out("auto", table.meta, Fitting(frame=frame, y=y, task="binary", classes=2))
    times = frame["cutoff"].to_numpy()
    assert (times[parts.held] == times.max()).all()
    assert (times[parts.learn] + np.timedelta64(28, "D") <= times.max()).all()
    assert len(parts.learn) and parts.refit


def test_a_flat_table_is_stopped_by_users_of_whom_nothing_is_learned() -> None:
    users = np.repeat(np.arange(50), 3).astype(str)
    frame = pd.DataFrame({"user_id": users, "documents": [["a"]] * 150})
    fitting = Fitting(frame=frame, y=np.tile([0, 1, 0], 50), task="binary", classes=2)
    parts = hold_out("auto", META, fitting)
    assert not set(users[parts.learn]) & set(users[parts.held])
    assert sorted([*parts.learn, *parts.held]) == list(range(150))
    assert 10 <= len(parts.held) <= 20
    assert not parts.refit
    assert hold_out("always", META, fitting).refit


def test_no_row_but_the_fitted_ones_is_read_while_training(tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tables.flat(120)
    parts = split(table)
    read_rows: list[pd.DataFrame] = []
    write = finetune_fit.Finetuning.write

    def watched(finetuning: finetune_fit.Finetuning, folder: Path) -> None:
        read_rows.append(finetuning.fitting.frame)
        write(finetuning, folder)

    monkeypatch.setattr(finetune_fit.Finetuning, "write", watched)
    target = fit_target("label", table, parts.train)
    purchasing_model.fit(table, parts, target, _params(tiny_bert, finetune_epochs=1))
    [frame] = read_rows
    assert set(frame["user_id"]) == set(table.frame["user_id"].iloc[parts.train])


def test_imbalance_is_met_on_the_rows_learned_from_alone(tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learned: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    made = finetune_training.TrainingRun.__init__

    def watched(run: Any, data: Any, learn: np.ndarray, held: np.ndarray, *rest: Any) -> None:
        learned[imbalance] = (learn, held)
        made(run, data, learn, held, *rest)

    monkeypatch.setattr(finetune_training.TrainingRun, "__init__", watched)
    fitting = _fitting(rare=0.2)
    means = {}
    for imbalance in ("none", "weights", "over", "under"):
        params = _params(tiny_bert, imbalance=imbalance, finetune_epochs=1, finetune_rows=8)
        means[imbalance] = _fit(params, fitting).raw(fitting.frame).mean()
    for imbalance in ("over", "under"):
        learn, held = learned[imbalance]
        assert np.bincount(fitting.y[learn])[0] == np.bincount(fitting.y[learn])[1]
        assert not set(learn) & set(held)
        assert np.array_equal(held, learned["none"][1])
    assert min(means["weights"], means["over"], means["under"]) > means["none"]


def test_a_row_reads_its_newest_distinct_documents() -> None:
    rows = row_texts(pd.Series([["new", "new", "mid", "old"], [], ["old"]]), 2)
    share = rows.share.toarray()
    told = [{text: weight for text, weight in zip(rows.texts, row, strict=True) if weight} for row in share]
    assert told == [{"new": 0.5, "mid": 0.5}, {}, {"old": 1.0}]


def test_training_reads_no_more_tokens_of_a_row_than_allowed(tiny_bert: Path) -> None:
    texts = [["red milk", "milk " * 100, "red"], ["milk " * 200], ["red"]]
    reading = _reading(tiny_bert, texts, most=64)
    assert reading.row_tokens.max() <= 64
    assert reading.row_tokens.min() > 0
    assert np.allclose(np.asarray(reading.share.sum(axis=1)).ravel(), 1)


def test_batches_hold_every_row_once_in_like_lengths() -> None:
    tokens = np.random.default_rng(0).integers(1, 100, 500)
    found = batches(np.arange(500), tokens, 16, np.random.default_rng(1))
    assert sorted(np.concatenate(found)) == list(range(500))
    assert np.mean([np.ptp(tokens[rows]) for rows in found]) < 10
    parts = list(pieces(np.arange(500), tokens, 200))
    assert np.array_equal(np.concatenate(parts), np.arange(500))
    assert max(tokens[rows].sum() for rows in parts) <= 200


def test_a_tuned_model_of_a_blend_has_its_own_files(tiny_bert: Path, tmp_path: Path) -> None:
    fitting = _fitting(rows=40)
    scorer = _fit(_params(tiny_bert, finetune_epochs=1), fitting)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        scorer.save(tmp_path / name, ["shop"], None)
    loaded = finetune_scorer.load(tmp_path / "b", 8)
    assert np.array_equal(loaded.raw(prepare(fitting.frame, META)), scorer.raw(fitting.frame))
    assert json.loads((tmp_path / "a" / "network.json").read_text())["runtime"] == "float32"
    assert os.path.isdir(tmp_path / "vectors")
