"""Tests of the text CNN."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tables
import torch
from sklearn.metrics import roc_auc_score

from purchasing_power.errors import DataError
from purchasing_power.model import bundle, purchasing_model
from purchasing_power.model.flat_params import model_params
from purchasing_power.model.networks import row_tokens, text_cnn
from purchasing_power.model.networks.finetune.joint_networks import FilteredNetwork
from purchasing_power.model.networks.text_cnn import TextCnnScorer
from purchasing_power.model.params import ModelParams
from purchasing_power.model.scorer import Fitting
from purchasing_power.model.splits import split
from purchasing_power.snapshot.target import fit_target
from purchasing_power.snapshot.user_table import UserTableMeta
from purchasing_power.text import checkpoint
from purchasing_power.text.encoder import Encoder
from purchasing_power.text.runtime.torch import load_model
from purchasing_power.text.token_states import TokenStates
from purchasing_power.text.tokens import open_tokens

META = UserTableMeta(kind="flat", numeric=(), categorical=(), label="label", task="binary")


def _params(encoder: Path, **changes: Any) -> ModelParams:
    chosen = {"epochs": 15, "network_rate": 1e-2, "hidden": 8, "filters": 8, "batch_rows": 32, **changes}
    return model_params(representation="none", head="textcnn", encoder=str(encoder), **chosen)


def _with(params: ModelParams, **changes: Any) -> ModelParams:
    return model_params({**params.to_dict(), **changes})


def _fit(params: ModelParams, fitting: Fitting) -> TextCnnScorer:
    scorer = params.head.fit(params, META, fitting)
    assert isinstance(scorer, TextCnnScorer)
    return scorer


def _fitting(rows: int = 200, seed: int = 1, **changes: Any) -> Fitting:
    """Texts whose class is told by the order of two words, which no count of words tells."""
    rng = np.random.default_rng(seed)
    y = (rng.random(rows) < changes.pop("rare", 0.5)).astype(np.int64)
    pair = ("red milk", "milk red")
    texts = [[" ".join([rng.choice(["fit", "size"]), pair[code], "blue"])] for code in y]
    frame = pd.DataFrame({"documents": texts, "user_id": [f"user-{n}" for n in range(rows)]})
    return Fitting(frame=frame, y=y, task="binary", classes=2, **changes)


def test_it_learns_from_the_order_of_words(tiny_bert: Path) -> None:
    scorer = _fit(_params(tiny_bert), _fitting())
    new = _fitting(seed=2)
    assert roc_auc_score(new.y, scorer.raw(new.frame)) > 0.95


def test_the_same_seed_gives_the_same_scores_and_another_one_others(tiny_bert: Path) -> None:
    fitting = _fitting(rows=60)
    params = _params(tiny_bert, epochs=2)
    first, again, other = (_fit(params, replace(fitting, seed=seed)).raw(fitting.frame) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


@pytest.mark.parametrize("read", ["table", "states", "trained"])
def test_a_rows_score_does_not_depend_on_the_other_rows(tiny_bert: Path, read: str) -> None:
    fitting = _fitting(rows=60)
    frame = fitting.frame
    frame["documents"] = [[text + " red" * (row % 7)] for row, [text] in enumerate(frame["documents"])]
    frame.at[3, "documents"] = []
    params = _params(tiny_bert, epochs=4, token_vectors=read, finetune_epochs=2, frozen_layers=1)
    scorer = _fit(params, fitting)
    alone = [scorer.raw(frame.iloc[[row]]) for row in range(len(frame))]
    assert np.concatenate(alone) == pytest.approx(scorer.raw(frame), abs=1e-5)


def test_states_are_those_of_each_text_alone(tiny_bert: Path) -> None:
    source = Encoder.open(f"{tiny_bert}?layers=1").source
    model, tokens = load_model(source), open_tokens(source)
    read = row_tokens.first_tokens(pd.Series([["red milk", "milk"], [], ["a longer text of red milk"]]), tokens, 9, 4)
    found = row_tokens.states(model, read.windows)
    with torch.inference_mode():
        alone = [model(input_ids=torch.tensor([window])).last_hidden_state[0] for window in read.windows]
    assert found.numpy() == pytest.approx(torch.cat(alone).numpy(), abs=1e-3)
    counted = sum(map(len, read.windows[:2]))
    assert read.places[0].tolist() == list(range(min(counted, 9))) + [-1] * (9 - min(counted, 9))


@pytest.mark.parametrize("read", ["table", "states", "trained"])
@pytest.mark.parametrize(("kind", "loss"), [("flat", "auto"), ("panel", "auto"), ("panel", "tweedie")])
def test_a_bundle_predicts_the_same_without_the_language_models_folder(
    tiny_bert: Path, tiny_gpt: Path, tmp_path: Path, kind: str, loss: str, read: str
) -> None:
    model_folder = tmp_path / "encoder"
    shutil.copytree(tiny_bert if kind == "flat" else tiny_gpt, model_folder)
    table = tables.flat(120, classes=3) if kind == "flat" else tables.panel(30)
    parts = split(table)
    target = fit_target("label" if kind == "flat" else "spend", table, parts.train)
    params = _params(model_folder, epochs=2, loss=loss, token_vectors=read, finetune_epochs=1)
    model = purchasing_model.fit(table, parts, target, params)
    rows = table.frame.iloc[parts.test]
    told = model.outputs(rows)
    bundle.save(model, tmp_path / "bundle", tables.TEXTS)
    shutil.rmtree(model_folder)
    loaded = bundle.load(tmp_path / "bundle")
    assert np.allclose(loaded.outputs(rows), told, atol=1e-6)
    bundle.save(loaded, tmp_path / "again")
    assert np.array_equal(bundle.load(tmp_path / "again").outputs(rows), loaded.outputs(rows))
    files = [path for path in (tmp_path / "bundle").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".json", ".safetensors", ".skops", ".txt"}


@pytest.mark.parametrize("finetune", ["full", "lora"])
@pytest.mark.parametrize("model", ["tiny_bert", "tiny_gpt"])
def test_trained_layers_answer_as_they_did_in_training(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, model: str, finetune: str
) -> None:
    in_training: dict[str, np.ndarray] = {}
    write = FilteredNetwork.write

    def watched(self: FilteredNetwork, folder: Path) -> None:
        self.head.eval()
        self.language.half = False
        with torch.no_grad():
            in_training["outputs"] = self.outputs(np.arange(60)).numpy()
        before = load_model(self.language.source).state_dict()
        write(self, folder)
        after = load_model(checkpoint.find(str(folder / "encoder"))).state_dict()
        in_training["moved"] = np.array([not torch.equal(after[name], one) for name, one in before.items()])

    monkeypatch.setattr(FilteredNetwork, "write", watched)
    fitting = _fitting(rows=60)
    fitting.frame["documents"] = [
        [*texts, "milk milk"][: row % 3] for row, texts in enumerate(fitting.frame["documents"])
    ]
    params = _params(request.getfixturevalue(model), token_vectors="trained", finetune=finetune, finetune_rate=1e-2)
    scorer = _fit(params, fitting)
    told = scorer.objective.raw(in_training["outputs"])
    # States are kept in half precision.
    assert scorer.raw(fitting.frame) == pytest.approx(told, abs=1e-3)
    assert in_training["moved"].any()


@pytest.mark.parametrize("model", ["tiny_bert", "tiny_gpt"])
def test_fits_share_what_frozen_layers_say_where_it_is_what_the_next_layer_reads(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    folder, fitting = request.getfixturevalue(model), _fitting(rows=60, workspace=str(tmp_path / "workspace"))
    written: list[int] = []
    put = TokenStates._put

    def watched(self: TokenStates, digests: list[bytes], states: np.ndarray, lengths: list[int]) -> None:
        written.append(len(digests))
        put(self, digests, states, lengths)

    monkeypatch.setattr(TokenStates, "_put", watched)
    params = _params(folder, token_vectors="trained", finetune_epochs=2, finetune_rate=1e-2, frozen_layers=1)
    scorer = _fit(params, fitting)
    told, once = scorer.raw(fitting.frame), sum(written)
    # What a GPT's last layer gives is normed before it is told: it is not what the next layer would read.
    assert (once > 0) == (model == "tiny_bert")
    _fit(_with(params, finetune_rate=1e-3), fitting).raw(fitting.frame)
    assert sum(written) == once
    reading = _with(params, encoder=f"{folder}?layers=1", token_vectors="states", epochs=1)
    _fit(reading, fitting)
    assert (sum(written) == once) == (model == "tiny_bert")
    (tmp_path / "saved").mkdir()
    scorer.save(tmp_path / "saved", [], None)
    assert params.head.load(tmp_path / "saved", params, META).raw(fitting.frame) == pytest.approx(told, abs=1e-3)


def test_the_newest_documents_tokens_come_first_and_no_more_than_allowed(tiny_bert: Path) -> None:
    tokens = open_tokens(Encoder.open(str(tiny_bert)).source)
    [new], [old] = tokens.windows(["red"]).ids, tokens.windows(["milk milk"]).ids
    documents = pd.Series([["red", "milk milk"], [], ["red"]])
    ids = row_tokens.first_tokens(documents, tokens, 6, 4).ids
    assert ids.tolist() == [[*new, *old][:6], [-1] * 6, [*new, -1, -1, -1]]
    assert row_tokens.first_tokens(documents.iloc[1:2], tokens, 6, 4).ids.shape == (1, 4)


def test_imbalance_lifts_the_rare_class_and_synthetic_rows_are_refused(tiny_bert: Path) -> None:
    fitting = _fitting(rare=0.15)
    means = {
        imbalance: _fit(_params(tiny_bert, imbalance=imbalance, epochs=2), fitting).raw(fitting.frame).mean()
        for imbalance in ("none", "weights", "over", "under")
    }
    assert min(means["weights"], means["over"], means["under"]) > means["none"]
    with pytest.raises(DataError, match="smote with the head textcnn"):
        _fit(_params(tiny_bert, imbalance="smote"), fitting)


def test_a_panel_is_fitted_anew_on_all_rows(tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tables.panel(20)
    learned: list[tuple[int, int, int]] = []
    train = text_cnn.train

    def watched(*given: Any) -> int:
        learned.append((len(given[5]), len(given[6]), given[7]))
        return train(*given)

    monkeypatch.setattr(text_cnn, "train", watched)
    parts = split(table)
    target = fit_target("tier", table, parts.train)
    purchasing_model.fit(table, parts, target, _params(tiny_bert, epochs=3))
    (part, held, _), (whole, none, epochs) = learned
    assert part + held == whole == len(parts.train)
    assert none == 0
    assert 1 <= epochs <= 3
