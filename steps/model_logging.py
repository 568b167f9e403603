"""How a trained model is logged: bundle, signature, example, requirements, registry version."""

from __future__ import annotations

import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.entities.model_registry import ModelVersion
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.types.schema import Array

from purchasing_power.kinds.kind import Kind
from purchasing_power.model.protocol import Model
from purchasing_power.serving.deployed import Deployed
from purchasing_power.snapshot.user_table import DOCUMENTS
from tracking import registry, runs

# What a worker imports; scikit-learn brings joblib and scipy.
REQUIREMENTS = (
    "duckdb",
    "ibis-framework",
    "jieba",
    "lightgbm",
    "mlflow",
    "numpy",
    "pandas",
    "pyarrow",
    "pyyaml",
    "safetensors",
    "scikit-learn",
    "skops",
    "skrub",
    "torch",
    "tqdm",
    "transformers",
)
EXTRAS = {"ibis-framework": "[duckdb]"}
LIBRARY = runs.ROOT / "purchasing_power"


def requirements(more: tuple[str, ...] = ()) -> list[str]:
    """The serving environment of a model, pinned to the versions at hand."""
    return [
        f"{name}{EXTRAS.get(name, '')}=={version(name).partition('+')[0]}" for name in sorted({*REQUIREMENTS, *more})
    ]


def signature(kind: Kind, model: Model, example: pd.DataFrame) -> ModelSignature:
    """Inputs are the model's features by name, whom a row is about and ``documents``; outputs what predict gives."""
    inputs: list[ColSpec | TensorSpec] = [ColSpec(DataType.string, kind.group, required=False)]
    inputs += [ColSpec(DataType.double, name) for name in model.meta.numeric]
    inputs += [ColSpec(DataType.string, name) for name in model.meta.categorical]
    if DOCUMENTS in example:
        inputs += [ColSpec(Array(DataType.string), DOCUMENTS, required=False)]
    predictions = model.predict(example)
    outputs: list[ColSpec | TensorSpec] = [
        ColSpec(DataType.double if pd.api.types.is_numeric_dtype(predictions[name]) else DataType.string, name)
        for name in map(str, predictions.columns)
    ]
    outputs += [ColSpec(DataType.string, name) for name in Deployed.__annotations__]
    made = ModelSignature(Schema(inputs), Schema(outputs))
    # The signature is there to be read. MLflow would check each request against it, more slowly than the model answers,
    # and repeat the request in its error: the served model checks its own input, as one with type hints does.
    made._is_signature_from_type_hint = True
    return made


def log_and_register(
    kind: Kind, model: Model, folder: Path, example: pd.DataFrame, name: str, tags: dict[str, str]
) -> ModelVersion:
    """Log the bundle in ``folder`` as a model of the active run, register it, and make it the candidate."""
    with warnings.catch_warnings(), registry.allowed(f"register a version of {name}"):
        # Integer columns do not occur: every number of a table is a double.
        warnings.simplefilter("ignore", UserWarning)
        info = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(runs.ROOT / "steps" / "served_model.py"),
            artifacts={"bundle": str(folder)},
            code_paths=code_paths(kind),
            # What a worker imports of the kind: it knows no registry.
            model_config={"kind_module": type(kind).__module__, "responder": kind.responder},
            signature=signature(kind, model, example),
            # As a request holds it: the scoring server of a model that checks its own input takes no frame.
            input_example=example if kind.responder is None else example.to_dict("records"),
            pip_requirements=requirements(kind.requirements(model)),
        )
        number = registry.register(info.model_uri, name)
    registered = registry.find(name, number)
    registry.tag(registered, tags)
    registry.set_stage(registered, registry.CANDIDATE)
    return registered


def code_paths(kind: Kind) -> list[str]:
    """The library, and what of a kind and the classes that it extends lies outside: what travels in a version."""
    modules = {sys.modules[one.__module__] for one in type(kind).__mro__ if issubclass(one, Kind)}
    files = {Path(str(module.__file__)) for module in modules}
    return [str(LIBRARY), *sorted(str(file) for file in files if LIBRARY not in file.parents)]
