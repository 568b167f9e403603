"""Reference statistics as files: names in JSON, numbers in safetensors; no pickle, no user id, no text."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from purchasing_power.atomic_folder import atomic_folder
from purchasing_power.errors import DataError
from purchasing_power.evaluation.holdout import Answered
from purchasing_power.reference.held_back import HeldBack
from purchasing_power.reference.measure import Reference
from purchasing_power.reference.sketch import CategorySketch, NumericSketch, Sketch
from purchasing_power.reference.texts import Terms, Vectors

FORMAT = 2
NAMES, NUMBERS = "reference.json", "reference.safetensors"
PARTS = ("columns", "scores")
HELD_BACK, SAID = "held_back", ("y", "model", "naive", "users")
PLAIN = ("users", "score_users", "cutoffs", "cutoff_users", "score_cutoffs", "use")

Arrays = dict[str, np.ndarray]


def save(reference: Reference, folder: Path) -> Path:
    """Write reference statistics: to a temporary folder first, then renamed."""
    with atomic_folder(folder) as draft:
        _write(reference, draft)
    return folder


def load(folder: Path) -> Reference:
    """Read what :func:`save` wrote.

    Raises
    ------
    DataError
        If the folder holds no reference statistics of this format.
    """
    try:
        told: dict[str, Any] = json.loads((folder / NAMES).read_text(encoding="utf-8"))
        arrays = load_file(folder / NUMBERS)
    except (OSError, ValueError) as error:
        raise DataError(
            f"reference: no readable {NAMES} with {NUMBERS} in {folder}. Train the version again."
        ) from error
    if told.get("format") != FORMAT:
        raise DataError(
            f"reference: format {told.get('format')}; this version reads {FORMAT}. Train the version again, or use "
            "the library version that wrote it."
        )
    parts: dict[str, Any] = {part: _sketches(part, told[part], arrays) for part in PARTS}
    plain: dict[str, Any] = {
        name: tuple(told[name]) if isinstance(told[name], list) else told[name] for name in PLAIN
    }
    vectors = Vectors(arrays["vectors"], arrays["folds"]) if "vectors" in arrays else None
    return Reference(
        **parts,
        **plain,
        vectors=vectors,
        terms=_terms(told["terms"], arrays),
        held_back=_held_back(told[HELD_BACK]["until"], _of_part(HELD_BACK, arrays)),
    )


def _write(reference: Reference, folder: Path) -> None:
    told: dict[str, Any] = {"format": FORMAT} | {name: getattr(reference, name) for name in PLAIN}
    arrays: Arrays = {}
    for part in PARTS:
        found = getattr(reference, part)
        told[part] = [_told(name, sketch) for name, sketch in found.items()]
        for at, sketch in enumerate(found.values()):
            arrays |= {f"{part}.{at}.{key}": value for key, value in _arrays(sketch).items()}
    if reference.vectors is not None:
        arrays |= {"vectors": reference.vectors.values, "folds": reference.vectors.folds}
    told["terms"] = None
    if reference.terms is not None:
        told["terms"] = {"names": reference.terms.names, "total": reference.terms.total}
        arrays |= {f"terms.{key}": value for key, value in _arrays(reference.terms).items()}
    told[HELD_BACK] = {"until": reference.held_back.until}
    arrays |= {f"{HELD_BACK}.{key}": value for key, value in _held_back_arrays(reference.held_back).items()}
    (folder / NAMES).write_text(json.dumps(told, indent=1, ensure_ascii=False), encoding="utf-8")
    save_file({key: np.ascontiguousarray(value) for key, value in arrays.items()}, folder / NUMBERS)


def _held_back_arrays(held: HeldBack) -> Arrays:
    said = {} if held.said is None else {name: getattr(held.said, name) for name in SAID}
    return {"prior": held.prior, **said, **({} if held.keys is None else {"keys": held.keys})}


def _arrays(part: Sketch | Terms) -> Arrays:
    return {key: value for key, value in vars(part).items() if isinstance(value, np.ndarray)}


def _told(name: str, sketch: Sketch) -> dict[str, Any]:
    plain = {key: value for key, value in asdict(sketch).items() if not isinstance(value, np.ndarray)}
    # JSON has no NaN: a column without a value has neither mean nor range.
    finite = {key: None if value != value else value for key, value in plain.items()}
    return {"column": name, "numeric": isinstance(sketch, NumericSketch), **finite}


def _sketches(part: str, told: list[dict[str, Any]], arrays: Arrays) -> dict[str, Sketch]:
    found: dict[str, Sketch] = {}
    for at, one in enumerate(told):
        values: dict[str, Any] = _of_part(f"{part}.{at}", arrays)
        plain = {key: value for key, value in one.items() if key not in ("column", "numeric")}
        if one["numeric"]:
            numbers: dict[str, Any] = {
                key: float("nan") if value is None else value for key, value in plain.items()
            }
            found[one["column"]] = NumericSketch(**values, **numbers)
        else:
            found[one["column"]] = CategorySketch(**values, names=tuple(plain["names"]))
    return found


def _terms(told: dict[str, Any] | None, arrays: Arrays) -> Terms | None:
    if told is None:
        return None
    return Terms(names=tuple(told["names"]), total=told["total"], **_of_part("terms", arrays))


def _held_back(until: str | None, values: Arrays) -> HeldBack:
    prior, said = values["prior"], None
    if "y" in values:
        everyone = np.repeat(prior, len(values["y"]), axis=0)
        said = Answered(**{name: values[name] for name in SAID}, prior=everyone)
    return HeldBack(prior, said, until, values.get("keys"))


def _of_part(part: str, arrays: Arrays) -> Arrays:
    start = f"{part}."
    return {key.removeprefix(start): value for key, value in arrays.items() if key.startswith(start)}
