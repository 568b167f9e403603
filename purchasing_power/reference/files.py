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
from purchasing_power.evaluation.holdout import Predictions
from purchasing_power.reference.held_out import HeldOut
from purchasing_power.reference.measure import Reference
from purchasing_power.reference.sketch import CategorySketch, NumericSketch, Sketch
from purchasing_power.reference.texts import Terms, Vectors

FORMAT = 2
JSON_FILE, ARRAYS_FILE = "reference.json", "reference.safetensors"
PARTS = ("columns", "scores")
# Names in the files are those of the first version of this format.
HELD_OUT, OUTPUTS, NAIVE, PRIOR = "held_back", "model", "naive", "prior"
PLAIN = ("users", "score_users", "cutoffs", "cutoff_users", "score_cutoffs", "importance")
# Fields whose name in the files is another one: files of this format were written with it before.
STORED = {"importance": "use", "median_share": "lean", "users_above": "leaning"}

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
        content: dict[str, Any] = json.loads((folder / JSON_FILE).read_text(encoding="utf-8"))
        arrays = load_file(folder / ARRAYS_FILE)
    except (OSError, ValueError) as error:
        raise DataError(
            f"reference: no readable {JSON_FILE} with {ARRAYS_FILE} in {folder}. Train the version again."
        ) from error
    if content.get("format") != FORMAT:
        raise DataError(
            f"reference: format {content.get('format')}; this version reads {FORMAT}. Train the version again, or use "
            "the library version that wrote it."
        )
    parts: dict[str, Any] = {part: _sketches(part, content[part], arrays) for part in PARTS}
    values = {name: content[_stored(name)] for name in PLAIN}
    plain: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    vectors = Vectors(arrays["vectors"], arrays["folds"]) if "vectors" in arrays else None
    return Reference(
        **parts,
        **plain,
        vectors=vectors,
        terms=_terms(content["terms"], arrays),
        held_out=_held_out(content[HELD_OUT], _of_part(HELD_OUT, arrays)),
    )


def _write(reference: Reference, folder: Path) -> None:
    content: dict[str, Any] = {"format": FORMAT}
    content |= {_stored(name): getattr(reference, name) for name in PLAIN}
    arrays: Arrays = {}
    for part in PARTS:
        sketches = getattr(reference, part)
        content[part] = [_plain_values(name, sketch) for name, sketch in sketches.items()]
        for at, sketch in enumerate(sketches.values()):
            arrays |= {f"{part}.{at}.{key}": value for key, value in _arrays(sketch).items()}
    if reference.vectors is not None:
        arrays |= {"vectors": reference.vectors.values, "folds": reference.vectors.folds}
    content["terms"] = None
    if reference.terms is not None:
        content["terms"] = {"names": reference.terms.names, "total": reference.terms.total}
        arrays |= {f"terms.{_stored(key)}": value for key, value in _arrays(reference.terms).items()}
    held = reference.held_out
    content[HELD_OUT] = {"until": held.until, "constants": sorted(held.constants), "baselines": _baselines(held)}
    arrays |= {f"{HELD_OUT}.{key}": value for key, value in _held_out_arrays(held).items()}
    (folder / JSON_FILE).write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    save_file({key: np.ascontiguousarray(value) for key, value in arrays.items()}, folder / ARRAYS_FILE)


def _stored(name: str) -> str:
    return STORED.get(name, name)


def _baselines(held: HeldOut) -> list[str]:
    """Names of the baselines that are no constants."""
    return [] if held.predictions is None else sorted(set(held.predictions.baselines) - set(held.constants))


def _held_out_arrays(held: HeldOut) -> Arrays:
    arrays = {**held.constants, **({} if held.keys is None else {"keys": held.keys})}
    if held.predictions is None:
        return arrays
    one = held.predictions
    baselines = {name: one.baselines[name] for name in _baselines(held)}
    return {**arrays, **baselines, "y": one.y, OUTPUTS: one.outputs, "users": one.users}


def _arrays(part: Sketch | Terms) -> Arrays:
    return {key: value for key, value in vars(part).items() if isinstance(value, np.ndarray)}


def _plain_values(name: str, sketch: Sketch) -> dict[str, Any]:
    plain = {key: value for key, value in asdict(sketch).items() if not isinstance(value, np.ndarray)}
    # JSON has no NaN: a column without a value has neither mean nor range.
    finite = {key: None if value != value else value for key, value in plain.items()}
    return {"column": name, "numeric": isinstance(sketch, NumericSketch), **finite}


def _sketches(part: str, content: list[dict[str, Any]], arrays: Arrays) -> dict[str, Sketch]:
    found: dict[str, Sketch] = {}
    for at, one in enumerate(content):
        values: dict[str, Any] = _of_part(f"{part}.{at}", arrays)
        plain = {key: value for key, value in one.items() if key not in ("column", "numeric")}
        if one["numeric"]:
            numbers: dict[str, Any] = {key: float("nan") if value is None else value for key, value in plain.items()}
            found[one["column"]] = NumericSketch(**values, **numbers)
        else:
            found[one["column"]] = CategorySketch(**values, names=tuple(plain["names"]))
    return found


def _terms(content: dict[str, Any] | None, arrays: Arrays) -> Terms | None:
    if content is None:
        return None
    found: Arrays = _of_part("terms", arrays)
    values = {name: found[_stored(name)] for name in ("users", "median_share", "users_above")}
    return Terms(names=tuple(content["names"]), total=content["total"], **values)


def _held_out(content: dict[str, Any], values: Arrays) -> HeldOut:
    constants = {name: values[name] for name in content.get("constants", (PRIOR,))}
    predictions = None
    if "y" in values:
        baselines = {name: values[name] for name in content.get("baselines", (NAIVE,))}
        predictions = Predictions(values["y"], values[OUTPUTS], {**baselines, **constants}, values["users"])
    return HeldOut(constants, predictions, content["until"], values.get("keys"))


def _of_part(part: str, arrays: Arrays) -> Arrays:
    start = f"{part}."
    return {key.removeprefix(start): value for key, value in arrays.items() if key.startswith(start)}
