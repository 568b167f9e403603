"""The model bundle: a folder without pickle that holds everything a request needs and loads offline."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from purchasing_power.atomic_folder import atomic_folder
from purchasing_power.model import skops_files
from purchasing_power.model.bundle_files import CALIBRATOR, SCORER
from purchasing_power.model.description import Description
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.model.typical_user import probe_rows

SEEN = "seen_rows.safetensors"
LIBRARIES = ("lightgbm", "numpy", "pandas", "scikit-learn", "skops", "torch", "transformers")


def save(model: PurchasingModel, folder: Path, warm_texts: list[str] | None = None, store: str | None = None) -> Path:
    """Write a bundle: to a temporary folder first, then renamed.

    Parameters
    ----------
    warm_texts
        Texts whose vectors go with the bundle, so that a request with them needs no encoder run.
    store
        Folder of the vector store to take those vectors from.
    """
    with atomic_folder(folder) as draft:
        _write(model, draft, warm_texts or [], store)
    return folder


def load(folder: Path) -> PurchasingModel:
    """Load a bundle; nothing in it is run and nothing is downloaded.

    Raises
    ------
    DataError
        If the folder is no bundle of this format, or a file holds a class that is not trusted.
    """
    description = Description.read(folder)
    return PurchasingModel(
        params=description.params,
        meta=description.meta,
        target=description.target,
        scorer=description.params.head.load(folder / SCORER, description.params, description.meta),
        calibrator=skops_files.load(folder / CALIBRATOR) if (folder / CALIBRATOR).exists() else None,
        score_levels=description.score_levels,
        training=description.training,
        seen=load_file(folder / SEEN)["rows"],
        typical=description.typical,
    )


def _write(model: PurchasingModel, folder: Path, warm_texts: list[str], store: str | None) -> None:
    Description(
        params=model.params,
        meta=model.meta,
        target=model.target,
        score_levels=model.score_levels,
        training=model.training,
        typical=model.typical,
        probe_outputs=model.outputs(probe_rows(model.typical, model.meta)).tolist(),
    ).write(folder, {name: version(name) for name in LIBRARIES})
    save_file({"rows": np.ascontiguousarray(model.seen)}, folder / SEEN)
    (folder / SCORER).mkdir()
    model.scorer.save(folder / SCORER, warm_texts, store)
    if model.calibrator is not None:
        skops_files.dump(model.calibrator, folder / CALIBRATOR)
