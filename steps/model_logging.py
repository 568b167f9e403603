"""How a trained model is logged: bundle, signature, example, requirements, registry version."""

from __future__ import annotations

import warnings
from importlib.metadata import version
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.entities.model_registry import ModelVersion
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.types.schema import Array

from purchasing_power.model.params import ModelParams
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.serving.deployed import Deployed
from purchasing_power.snapshot.user_table import DOCUMENTS, USER, UserTable
from purchasing_power.text.encoder_spec import parse
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
    "pandera",
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
EXTRAS = {"ibis-framework": "[duckdb]", "pandera": "[pandas]"}
EXAMPLE_DOCUMENT = "a text that the user wrote, or the title of a product that the user bought"


# What runs an exported encoder, by the first part of the runtime's name.
RUNTIME_PACKAGES = {"openvino": "openvino", "onnx": "onnxruntime"}


def requirements(params: ModelParams) -> list[str]:
    """The serving environment of a model, pinned to the versions at hand."""
    runtimes = [(parse(reference).runtime or "").partition("-")[0] for reference in params.encoders]
    more = {RUNTIME_PACKAGES[name] for name in runtimes if name in RUNTIME_PACKAGES}
    return [
        f"{name}{EXTRAS.get(name, '')}=={version(name).partition('+')[0]}"
        for name in sorted({*REQUIREMENTS, *more})
    ]


def example(model: PurchasingModel, table: UserTable, rows: np.ndarray) -> pd.DataFrame:
    """One made-up request row: medians and most frequent categories of the rows, and an invented text."""
    frame = table.frame.iloc[rows]
    made: dict[str, object] = {USER: "example"}
    made |= {name: float(np.nan_to_num(frame[name].median())) for name in model.meta.numeric}
    modes = {name: frame[name].mode() for name in model.meta.categorical}
    made |= {name: str(mode.iloc[0]) if len(mode) else "missing" for name, mode in modes.items()}
    return pd.DataFrame([{**made, DOCUMENTS: [EXAMPLE_DOCUMENT]}])


def signature(model: PurchasingModel, answer: pd.DataFrame) -> ModelSignature:
    """Inputs are the model's features by name, ``user_id`` and ``documents``; outputs are what predict gives."""
    inputs: list[ColSpec | TensorSpec] = [ColSpec(DataType.string, USER, required=False)]
    inputs += [ColSpec(DataType.double, name) for name in model.meta.numeric]
    inputs += [ColSpec(DataType.string, name) for name in model.meta.categorical]
    inputs += [ColSpec(Array(DataType.string), DOCUMENTS, required=False)]
    outputs: list[ColSpec | TensorSpec] = [
        ColSpec(DataType.double if pd.api.types.is_numeric_dtype(answer[name]) else DataType.string, name)
        for name in map(str, answer.columns)
    ]
    outputs += [ColSpec(DataType.string, name) for name in Deployed.__annotations__]
    made = ModelSignature(Schema(inputs), Schema(outputs))
    # The signature is there to be read. MLflow would check each request against it, more slowly than the model answers,
    # and repeat the request in its error: the served model checks its own input, as one with type hints does.
    made._is_signature_from_type_hint = True
    return made


def log_and_register(
    model: PurchasingModel, folder: Path, shown: pd.DataFrame, name: str, tags: dict[str, str]
) -> ModelVersion:
    """Log the bundle in ``folder`` as a model of the active run, register it, and make it the candidate."""
    with warnings.catch_warnings(), registry.allowed(f"register a version of {name}"):
        # Integer columns do not occur: every number of a user table is a double.
        warnings.simplefilter("ignore", UserWarning)
        info = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(runs.ROOT / "steps" / "served_model.py"),
            artifacts={"bundle": str(folder)},
            code_paths=[str(runs.ROOT / "purchasing_power")],
            signature=signature(model, model.predict(shown)),
            # As a request holds it: the scoring server of a model that checks its own input takes no frame.
            input_example=shown.to_dict("records"),
            pip_requirements=requirements(model.params),
            registered_model_name=name,
        )
    registered = registry.find(name, str(info.registered_model_version))
    registry.tag(registered, tags)
    registry.set_stage(registered, registry.CANDIDATE)
    return registered
