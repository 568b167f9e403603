"""One fit of a fine-tuned model: hold out, stop early, fit anew on all rows, and be found again after a kill."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np

from purchasing_power.model.imbalance import resampled_rows
from purchasing_power.model.networks import row_tokens
from purchasing_power.model.networks.documents import read, row_texts
from purchasing_power.model.networks.finetune.joint_networks import Material
from purchasing_power.model.networks.finetune.training import Run
from purchasing_power.model.networks.holdout import hold_out
from purchasing_power.model.networks.modules import LEAST
from purchasing_power.model.networks.objective import Objective, objective, seeded_torch
from purchasing_power.model.params import ModelParams
from purchasing_power.model.scorer import Fitting
from purchasing_power.snapshot.user_table import DOCUMENTS, UserTableMeta, frame_digest
from purchasing_power.text.encoder import Encoder
from purchasing_power.text.runtime.torch import place
from purchasing_power.text.tokens import open_tokens

# Counts up when the same data and parameters would give another model.
TRAINING = 1
FITS, FINISHED = "tuning", "finished"
# Fits that a workspace keeps, the newest: a study makes many.
KEPT_FITS = 8


def tuned(
    params: ModelParams, meta: UserTableMeta, fitting: Fitting, table: np.ndarray, folder: Path
) -> Objective:
    """Write the tuned encoder and what reads it to a folder, and give the objective they were trained for.

    Parameters
    ----------
    table
        Tabular columns of the rows, float32, shape (n, n_columns).
    """
    goal = objective(params, fitting.y, fitting.task, fitting.classes)
    home = None
    if fitting.workspace is not None:
        home = Path(fitting.workspace, FITS, digest(params, fitting, table))
        if not (home / FINISHED).is_dir():
            _train(params, meta, fitting, table, goal, home / FINISHED, home)
        _prune(home)
        shutil.copytree(home / FINISHED, folder, copy_function=_link, dirs_exist_ok=True)
    else:
        _train(params, meta, fitting, table, goal, folder, None)
    return goal


def digest(params: ModelParams, fitting: Fitting, table: np.ndarray) -> str:
    """Hex digest (16 characters) of everything that decides a fit: data, parameters, encoder and seed."""
    encoder = Encoder.open(params.encoder).fingerprint
    told = [TRAINING, params.to_dict(), encoder, fitting.seed, fitting.task, fitting.classes]
    hasher = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    hasher.update(frame_digest(fitting.frame).encode())
    for values in (fitting.y, table):
        hasher.update(np.ascontiguousarray(values).tobytes())
    return hasher.hexdigest()[:16]


def _train(
    params: ModelParams,
    meta: UserTableMeta,
    fitting: Fitting,
    table: np.ndarray,
    goal: Objective,
    folder: Path,
    home: Path | None,
) -> None:
    """Train in one or two runs, and write the last one's model to a folder that is there only when whole."""
    parts = hold_out(params, meta, fitting)
    with seeded_torch(fitting.seed, fitting.threads):
        material = _material(params, fitting, table, goal)
        learn = parts.learn[resampled_rows(params, fitting.y[parts.learn], fitting.seed)]
        run = Run(material, learn, parts.held, params.tuning_epochs, _file(home, "stopped"), params.head)
        epochs = run.train()
        if parts.refit:
            del run
            rows = resampled_rows(params, fitting.y, fitting.seed)
            run = Run(
                material, rows, np.zeros(0, np.int64), epochs, _file(home, "refit"), f"{params.head}_refit"
            )
            run.train()
    draft = folder.with_name(f".{folder.name}-{os.getpid()}")
    draft.mkdir(parents=True)
    run.network.write(draft)
    try:
        os.replace(draft, folder)
    except OSError:
        # Another process has finished the same fit meanwhile.
        if not any(folder.iterdir()):
            raise
        shutil.rmtree(draft)
    for name in ("stopped", "refit"):
        if home is not None:
            (home / f"{name}.safetensors").unlink(missing_ok=True)


def _material(params: ModelParams, fitting: Fitting, table: np.ndarray, goal: Objective) -> Material:
    opened = Encoder.open(params.encoder)
    tokens, documents = open_tokens(opened.source), fitting.frame[DOCUMENTS]
    return Material(
        params=params,
        objective=goal,
        source=opened.source,
        texts=read(row_texts(documents, params.row_documents), tokens)
        if params.head == "finetuned"
        else row_tokens.read(documents, tokens, params.text_tokens, LEAST),
        table=table,
        targets=goal.coded(fitting.y),
        seed=fitting.seed,
        device=place(opened.device),
        workspace=fitting.workspace,
        progress=fitting.progress,
        curve=fitting.curve,
    )


def _file(home: Path | None, name: str) -> Path | None:
    return None if home is None else home / f"{name}.safetensors"


def _prune(home: Path) -> None:
    """Remove all but the newest fits of a workspace."""
    os.utime(home)
    fits = sorted(home.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in fits[KEPT_FITS:]:
        shutil.rmtree(old, ignore_errors=True)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
