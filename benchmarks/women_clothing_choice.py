"""Chooses the models of the published table by cross-validation on the training rows of fold 0, and on nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm
from women_clothing_encoder import mpnet

from purchasing_power.evaluation.cross_validation import CrossValidation
from purchasing_power.model.flat_params import model_params
from purchasing_power.model.params import Member, ModelParams
from purchasing_power.model.splits import folds
from purchasing_power.snapshot.user_table import UserTable
from purchasing_power.tuning.blend_search import blended, search

# Both were trained to tell topics: their lower layers still know how a reviewer feels.
LOWER = "minilm?layers=4&runtime=openvino-bf16"
MPNET = "mpnet"
LARGER = f"{MPNET}?layers={{}}&runtime=openvino-bf16"
# Of three inner folds as many are scored: a fine-tuned model takes minutes on each.
INNER, SCORED, SEED = 3, 1, 0

# How a reviewer feels stands in small words and in exclamation marks.
_TERMS = {"representation": "tfidf", "stop_words": "keep"}
_WIDE = {**_TERMS, "tfidf_width": 20_000, "ngram_max": 2, "table_weight": 0.3}
_VECTORS = {"representation": "encoder", "text_components": 384, "encoder": LOWER}
_FILTERS = {"representation": "none", "dropout": 0.5, "filters": 128, "hidden": 128}
# One row in eight has more than 128 tokens, and its last words sum up.
_LONGER = {**_FILTERS, "text_tokens": 160}
_TREES = {"head": "lightgbm", "stop_words": "keep", "feature_share": 0.2}
# The layers below are left as they are: all fits read what they say from one folder.
_BELOW = 8
# What each row of the table adds to what the rows before it may blend.
CANDIDATES: dict[str, list[ModelParams]] = {
    "tfidf": [
        model_params(head="logistic", C=1.0, **_WIDE),
        model_params(head="svm", C=0.1, **_WIDE),
        model_params(representation="tfidf", tfidf_width=2_000, **_TREES),
    ],
    "frozen": [
        model_params(head="logistic", C=0.01, **_VECTORS),
        model_params(head="mlp", dropout=0.3, **_VECTORS),
        model_params(representation="both", text_components=64, encoder=LOWER, **_TREES),
        model_params(head="textcnn", seed=1, **_FILTERS),
    ],
    "finetuned": [
        *(
            model_params(
                head="textcnn", token_vectors="states", encoder=LARGER.format(_BELOW), epochs=4, seed=seed, **_LONGER
            )
            for seed in (0, 1)
        ),
        model_params(
            head="textcnn",
            token_vectors="trained",
            encoder=LARGER.format(_BELOW + 1),
            frozen_layers=_BELOW,
            finetune_epochs=2,
            finetune_rate=2e-4,
            **_LONGER,
        ),
    ],
}


def choose(table: UserTable, folder: Path) -> dict[str, ModelParams]:
    """Blends by row of the table.

    Parameters
    ----------
    table
        The training rows of fold 0 alone.
    """
    larger = unpacked([one for added in CANDIDATES.values() for one in added], folder)
    pairs = folds(table, np.arange(len(table.frame)), INNER, SEED)[:SCORED]
    inner = CrossValidation(
        table, pairs, "label", seed=SEED, store=str(folder / "vectors"), workspace=str(folder), progress=True
    )
    scores: dict[ModelParams, float] = {}
    chosen: dict[str, ModelParams] = {}
    for row, added in CANDIDATES.items():
        for named in tqdm([placed(one, larger) for one in added], desc=row, unit="model"):
            scores[named] = float(np.mean(inner.scores(named)))
            tqdm.write(f"{row}: {scores[named]:.4f} {named.changed()}")
        ranked = sorted(scores, key=lambda one: -scores[one])
        found = search(inner, ranked)
        tqdm.write(f"{row}: {found.score:.4f} blended, {found.alone_score:.4f} the best alone")
        chosen[row] = placed(blended(ranked, np.asarray(found.weights)), MPNET, larger)
    return chosen


def unpacked(models: Iterable[ModelParams], folder: Path) -> str:
    """Folder of the larger encoder, unpacked in the given one where a model reads it; else its name."""
    names = {part.encoder.partition("?")[0] for one in models for part in one.parts}
    return str(mpnet(folder)) if MPNET in names else MPNET


def placed(params: ModelParams, new: str, old: str = MPNET) -> ModelParams:
    """The same with another folder or name of the larger encoder, in its members too."""
    members = tuple(Member(one.weight, placed(one.params, new, old)) for one in params.members)
    name, _, options = params.encoder.partition("?")
    encoder = f"{new}?{options}" if name == old else params.encoder
    return replace(params, encoder=encoder, members=members)
