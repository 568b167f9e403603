"""The description of a model in its bundle: everything but what was fitted, readable without the libraries that fit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from purchasing_power.errors import DataError
from purchasing_power.model.bundle_files import DESCRIPTION, PURCHASE, read_description
from purchasing_power.model.flat_params import model_params
from purchasing_power.model.params import ModelParams
from purchasing_power.snapshot.target import Target
from purchasing_power.snapshot.user_table import UserTableMeta

FORMAT = 3
# Bundles written before call it "made_up".
PROBE_OUTPUTS = "probe_outputs"


@dataclass(frozen=True)
class Training:
    """What a model has seen.

    Attributes
    ----------
    cutoffs, calibration_cutoffs
        ISO dates of the cutoffs fitted and calibrated on; empty for a flat table.
    known_until
        ISO date at which the last label window ends; ``None`` for a flat table. Rows of an earlier
        cutoff are not unseen.
    rows, calibration_rows
        How many rows were fitted and calibrated on.
    digest
        Digest of the user table.
    seed
        Seed of everything random.
    """

    cutoffs: tuple[str, ...]
    calibration_cutoffs: tuple[str, ...]
    known_until: str | None
    rows: int
    calibration_rows: int
    digest: str
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """Give a JSON-ready dict."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Training:
        """Read what :meth:`to_dict` gave."""
        dates = {name: tuple(values[name]) for name in ("cutoffs", "calibration_cutoffs")}
        return cls(**{**values, **dates})


@dataclass(frozen=True)
class Description:
    """The file ``DESCRIPTION`` of a bundle.

    Attributes
    ----------
    score_levels, typical
        As :class:`~purchasing_power.model.purchasing_model.PurchasingModel` has them.
    probe_outputs
        Outputs of the model for the rows of :func:`~purchasing_power.model.typical_user.probe_rows`, with which another
        way of computing them is compared; empty in a bundle that has none.
    """

    params: ModelParams
    meta: UserTableMeta
    target: Target
    score_levels: tuple[float, ...]
    training: Training
    typical: dict[str, float | str | None]
    probe_outputs: list[Any]

    @classmethod
    def read(cls, folder: Path) -> Description:
        """Read what :meth:`write` wrote.

        Raises
        ------
        DataError
            If the folder is no bundle of this format.
        """
        values = read_description(folder)
        if values.get("format") != FORMAT:
            raise DataError(
                f"model bundle: format {values.get('format')}; this version reads {FORMAT}. "
                "Use the library version that wrote it, or train again."
            )
        return cls(
            params=model_params(values["params"]),
            meta=UserTableMeta.from_dict(values["meta"]),
            target=Target.from_dict(values["target"]),
            score_levels=tuple(values["score_levels"]),
            training=Training.from_dict(values["training"]),
            typical=values["typical"],
            probe_outputs=values.get(PROBE_OUTPUTS, values.get("made_up", [])),
        )

    def write(self, folder: Path, libraries: Mapping[str, str]) -> None:
        """Write the file, with the versions of libraries that the bundle was made with."""
        values = {
            "format": FORMAT,
            "kind": PURCHASE,
            "params": self.params.to_dict(),
            "meta": asdict(self.meta),
            "target": self.target.to_dict(),
            "score_levels": list(self.score_levels),
            "training": self.training.to_dict(),
            "typical": self.typical,
            PROBE_OUTPUTS: self.probe_outputs,
            "libraries": dict(libraries),
        }
        (folder / DESCRIPTION).write_text(json.dumps(values, indent=1, ensure_ascii=False), encoding="utf-8")
