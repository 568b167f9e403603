"""The scorer and the calibration of a bundle as plain attributes, for who computes with them without scikit-learn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from purchasing_power.model.bundle_files import (
    BLEND,
    CALIBRATOR,
    ESTIMATOR,
    FEATURES,
    MEMBER,
    NETWORK,
    SCORER,
    WARM,
    encoder_reference,
)
from purchasing_power.model.heads import mlp
from purchasing_power.model.params import TABLE_HEADS, ModelParams
from purchasing_power.serving.fast.fitted_files import Fitted, Unknown, read


def read_scorer(folder: Path, params: ModelParams) -> Fitted:
    """Read the scorer of a bundle.

    Raises
    ------
    Unknown
        If a part of it can be computed by nothing but the library that fitted it.
    """
    return _scorer(folder / SCORER, params)


def read_calibrator(folder: Path) -> Fitted | None:
    """Read the calibration of a bundle; see :func:`read_scorer`."""
    return read(folder / CALIBRATOR) if (folder / CALIBRATOR).exists() else None


def _scorer(folder: Path, params: ModelParams) -> Fitted:
    if params.head == "blend":
        members = [
            _scorer(folder / MEMBER.format(number), member.params)
            for number, member in enumerate(params.members)
        ]
        weights = [member.weight for member in params.members]
        task = json.loads((folder / BLEND).read_text())["task"]
        return Fitted("BlendScorer", {"scorers": members, "weights": weights, "task": task})
    if params.head not in TABLE_HEADS:
        raise Unknown(params.head)
    features = read(folder / FEATURES)
    reference = encoder_reference(folder)
    if reference is not None:
        _set_encoder(features, reference, folder.parent / WARM)
    return Fitted("TableScorer", {"features": features, "head": _head(folder)})


def _head(folder: Path) -> Any:
    return mlp.load(folder / NETWORK) if (folder / NETWORK).exists() else read(folder / ESTIMATOR)


def _set_encoder(features: Fitted, reference: str, warm: Path) -> None:
    """As :func:`~purchasing_power.model.features.set_encoder` does."""
    for name, block, _ in features.transformers_:
        if name == "encoder":
            text = block.steps[0][1] if hasattr(block, "steps") else block
            text.__dict__ |= {"encoder": reference, "warm_store": str(warm), "store": None}
