"""The model bundle: a folder without pickle that holds everything a request needs and loads offline."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from safetensors.numpy import load_file, save_file

from purchasing_power.errors import DataError
from purchasing_power.model.features import set_encoder
from purchasing_power.model.params import ModelParams
from purchasing_power.model.purchasing_model import PurchasingModel, Training
from purchasing_power.snapshot.target import Target
from purchasing_power.snapshot.user_table import UserTableMeta
from purchasing_power.text.encoder import Encoder
from purchasing_power.text.store import VectorStore, vectors

FORMAT = 1
DESCRIPTION, FEATURES, CALIBRATOR = "bundle.json", "features.skops", "calibrator.skops"
TREES, LINEAR = "head.lightgbm.txt", "head.skops"
ENCODER, WARM, SEEN = "encoder", "vectors", "seen_rows.safetensors"
# The only classes outside skops' own list that a bundle may hold; anything else is refused on loading.
TRUSTED = (
    "numpy.dtype",
    "purchasing_power.text.vectorize.EncodedDocuments",
    "purchasing_power.text.vectorize.TfidfDocuments",
)
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
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _write(model, draft, warm_texts or [], store)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
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
    features = _load_skops(folder / FEATURES)
    if (folder / ENCODER).is_dir():
        set_encoder(features, str(folder / ENCODER), str(folder / WARM), None)
    return PurchasingModel(
        params=params,
        meta=UserTableMeta.from_dict(description["meta"]),
        target=Target.from_dict(description["target"]),
        features=features,
        head=_load_head(folder),
        calibrator=_load_skops(folder / CALIBRATOR) if (folder / CALIBRATOR).exists() else None,
        score_levels=tuple(description["score_levels"]),
        training=Training(**training),
        seen=load_file(folder / SEEN)["rows"],
    )


def _write(model: PurchasingModel, folder: Path, warm_texts: list[str], store: str | None) -> None:
    from skops import io as skops

    description = {
        "format": FORMAT,
        "params": model.params.to_dict(),
        "meta": asdict(model.meta),
        "target": model.target.to_dict(),
        "score_levels": list(model.score_levels),
        "training": model.training.to_dict(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }
    (folder / DESCRIPTION).write_text(json.dumps(description, indent=1, ensure_ascii=False), encoding="utf-8")
    save_file({"rows": np.ascontiguousarray(model.seen)}, folder / SEEN)
    if "encoder" in model.params.text_blocks:
        _write_encoder(model.params.encoder, folder, warm_texts, store)
    skops.dump(model.features, folder / FEATURES)
    if isinstance(model.head, lightgbm.Booster):
        (folder / TREES).write_text(model.head.model_to_string(), encoding="utf-8")
    else:
        skops.dump(model.head, folder / LINEAR)
    if model.calibrator is not None:
        skops.dump(model.calibrator, folder / CALIBRATOR)


def _write_encoder(name: str, folder: Path, warm_texts: list[str], store: str | None) -> None:
    encoder = Encoder.open(name)
    encoder.save(folder / ENCODER)
    if warm_texts:
        values = vectors(encoder, warm_texts, VectorStore(store))
        VectorStore(folder / WARM).put(encoder.fingerprint, warm_texts, values)


def _load_head(folder: Path) -> Any:
    if (folder / TREES).exists():
        return lightgbm.Booster(model_str=(folder / TREES).read_text(encoding="utf-8"))
    return _load_skops(folder / LINEAR)


def _load_skops(path: Path) -> Any:
    # Importing skops imports every part of scikit-learn, and torch with it: only who needs it pays.
    from skops import io as skops

    unknown = sorted(set(skops.get_untrusted_types(file=path)) - set(TRUSTED))
    if unknown:
        raise DataError(
            f"model bundle: {path.name} holds {', '.join(unknown[:5])}; only classes of numpy, "
            "scikit-learn and this library are loaded. The file was not written by this library: train the model again."
        )
    return skops.load(path, trusted=list(TRUSTED))


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
