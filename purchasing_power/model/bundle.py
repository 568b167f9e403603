"""The model bundle: a folder without pickle that holds everything a request needs and loads offline."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from purchasing_power.errors import DataError
from purchasing_power.model import skops_files
from purchasing_power.model.params import ModelParams
from purchasing_power.model.purchasing_model import PurchasingModel, Training
from purchasing_power.model.scorer import load_scorer
from purchasing_power.snapshot.target import Target
from purchasing_power.snapshot.user_table import UserTableMeta
from purchasing_power.whole import replaced

FORMAT = 3
DESCRIPTION, CALIBRATOR = "bundle.json", "calibrator.skops"
SCORER, SEEN = "scorer", "seen_rows.safetensors"
LIBRARIES = ("lightgbm", "numpy", "pandas", "scikit-learn", "skops", "torch", "transformers")


def save(
    model: PurchasingModel, folder: Path, warm_texts: list[str] | None = None, store: str | None = None
) -> Path:
    """Write a bundle: to a temporary folder first, then renamed.

    Parameters
    ----------
    warm_texts
        Texts whose vectors go with the bundle, so that a request with them needs no encoder run.
    store
        Folder of the vector store to take those vectors from.
    """
    with replaced(folder) as draft:
        _write(model, draft, warm_texts or [], store)
    return folder


def load(folder: Path) -> PurchasingModel:
    """Load a bundle; nothing in it is run and nothing is downloaded.

    Raises
    ------
    DataError
        If the folder is no bundle of this format, or a file holds a class that is not trusted.
    """
    description = _description(folder)
    params = ModelParams.from_dict(description["params"])
    training = description["training"]
    for name in ("cutoffs", "calibration_cutoffs"):
        training[name] = tuple(training[name])
    meta = UserTableMeta.from_dict(description["meta"])
    return PurchasingModel(
        params=params,
        meta=meta,
        target=Target.from_dict(description["target"]),
        scorer=load_scorer(folder / SCORER, params, meta),
        calibrator=skops_files.load(folder / CALIBRATOR) if (folder / CALIBRATOR).exists() else None,
        score_levels=tuple(description["score_levels"]),
        training=Training(**training),
        seen=load_file(folder / SEEN)["rows"],
        typical=description["typical"],
    )


def _write(model: PurchasingModel, folder: Path, warm_texts: list[str], store: str | None) -> None:
    description = {
        "format": FORMAT,
        "params": model.params.to_dict(),
        "meta": asdict(model.meta),
        "target": model.target.to_dict(),
        "score_levels": list(model.score_levels),
        "training": model.training.to_dict(),
        "typical": model.typical,
        "libraries": {name: version(name) for name in LIBRARIES},
    }
    (folder / DESCRIPTION).write_text(json.dumps(description, indent=1, ensure_ascii=False), encoding="utf-8")
    save_file({"rows": np.ascontiguousarray(model.seen)}, folder / SEEN)
    (folder / SCORER).mkdir()
    model.scorer.save(folder / SCORER, warm_texts, store)
    if model.calibrator is not None:
        skops_files.dump(model.calibrator, folder / CALIBRATOR)


def _description(folder: Path) -> dict[str, Any]:
    try:
        description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"model bundle: no readable {DESCRIPTION} in {folder}. Give the bundle folder of a trained model."
        ) from error
    if description.get("format") != FORMAT:
        raise DataError(
            f"model bundle: format {description.get('format')}; this version reads {FORMAT}. "
            "Use the library version that wrote it, or train again."
        )
    return description
