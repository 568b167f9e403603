"""One fit of a fine-tuned model: hold out, stop early, fit anew on all rows, and be found again after a kill."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from purchasing_power.model.imbalance import resampled_rows
from purchasing_power.model.networks.documents import RowWindows
from purchasing_power.model.networks.finetune.joint_networks import Network, TrainingData
from purchasing_power.model.networks.finetune.training import TrainingRun
from purchasing_power.model.networks.holdout import hold_out
from purchasing_power.model.networks.objective import Objective, seeded_torch
from purchasing_power.model.networks.row_tokens import RowTokens
from purchasing_power.model.networks.settings import FinetuneSettings
from purchasing_power.model.params import ModelParams
from purchasing_power.model.scorer import Fitting
from purchasing_power.snapshot.user_table import UserTableMeta, frame_digest
from purchasing_power.text.encoder import Encoder
from purchasing_power.text.runtime.torch import place
from purchasing_power.text.tokens import Tokens, open_tokens

# Counts up when the same data and parameters would give another model.
TRAINING = 1
FITS, FINISHED = "finetune", "finished"
STOPPED, REFIT = "stopped", "refit"
# Fits that a workspace holds, the newest: a study makes many.
MOST_FITS = 8


@dataclass(frozen=True)
class Finetuning:
    """A language model to be trained with what stands on top of it.

    Attributes
    ----------
    settings
        The head's.
    fitting
        Its seed is the one that the head draws by.
    table
        Tabular columns of the rows, float32, shape (n, n_columns).
    texts
        Gives what is read of the rows, with the model's tokenizer.
    """

    settings: FinetuneSettings
    params: ModelParams
    meta: UserTableMeta
    fitting: Fitting
    objective: Objective
    table: np.ndarray
    texts: Callable[[Tokens], RowWindows | RowTokens]

    def write(self, folder: Path) -> None:
        """Train, and write the language model and what stands on top of it to a folder.

        With a workspace, what was trained before is taken from there, and a killed training goes on.
        """
        if self.fitting.workspace is None:
            self._train(folder, None)
            return
        home = Path(self.fitting.workspace, FITS, self.digest())
        if not (home / FINISHED).is_dir():
            self._train(home / FINISHED, home)
        _prune(home)
        shutil.copytree(home / FINISHED, folder, copy_function=_link, dirs_exist_ok=True)

    def digest(self) -> str:
        """Hex digest (16 characters) of everything that decides a fit: data, parameters, encoder and seed."""
        encoder, fitting = Encoder.open(self.params.encoder).fingerprint, self.fitting
        decisive = [TRAINING, self.params.to_dict(), encoder, fitting.seed, fitting.task, fitting.classes]
        hasher = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode())
        hasher.update(frame_digest(fitting.frame).encode())
        for values in (fitting.y, self.table):
            hasher.update(np.ascontiguousarray(values).tobytes())
        return hasher.hexdigest()[:16]

    def _train(self, folder: Path, home: Path | None) -> None:
        """Train in one or two runs, and write the last one's model to a folder that is there only when complete."""
        with seeded_torch(self.fitting.seed, self.fitting.threads):
            trained = self._trained(home)
        draft = folder.with_name(f".{folder.name}-{os.getpid()}")
        draft.mkdir(parents=True)
        trained.write(draft)
        try:
            os.replace(draft, folder)
        except OSError:
            # Another process has finished the same fit meanwhile.
            if not any(folder.iterdir()):
                raise
            shutil.rmtree(draft)
        for name in (STOPPED, REFIT):
            if home is not None:
                _file(home, name).unlink(missing_ok=True)

    def _trained(self, home: Path | None) -> Network:
        fitting, name = self.fitting, self.params.head.name
        parts, data = hold_out(self.settings.refit, self.meta, fitting), self._data()
        learn = parts.learn[resampled_rows(self.params, fitting.y[parts.learn], fitting.seed)]
        file = None if home is None else _file(home, STOPPED)
        run = TrainingRun(data, learn, parts.held, self.settings.finetune_epochs, file, name)
        epochs = run.train()
        if parts.refit:
            del run
            rows = resampled_rows(self.params, fitting.y, fitting.seed)
            file = None if home is None else _file(home, REFIT)
            run = TrainingRun(data, rows, np.zeros(0, np.int64), epochs, file, f"{name}_refit")
            run.train()
        return run.network

    def _data(self) -> TrainingData:
        encoder, fitting = Encoder.open(self.params.encoder), self.fitting
        return TrainingData(
            settings=self.settings,
            objective=self.objective,
            source=encoder.source,
            texts=self.texts(open_tokens(encoder.source)),
            table=self.table,
            targets=self.objective.coded(fitting.y),
            seed=fitting.seed,
            device=place(encoder.device),
            workspace=fitting.workspace,
            progress=fitting.progress,
            curve=fitting.curve,
        )


def _file(home: Path, name: str) -> Path:
    return home / f"{name}.safetensors"


def _prune(home: Path) -> None:
    """Remove all but the newest fits of a workspace."""
    os.utime(home)
    fits = sorted(home.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in fits[MOST_FITS:]:
        shutil.rmtree(old, ignore_errors=True)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
