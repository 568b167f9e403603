"""The models that ``benchmarks/serve.py`` compares, logged to a tracking store of its own, and requests for them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature
from safetensors.numpy import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from purchasing_power.kinds.purchase import KIND
from purchasing_power.model import bundle
from purchasing_power.model.flat_params import model_params
from purchasing_power.model.purchasing_model import PurchasingModel, fit
from purchasing_power.model.scorer import RunSettings
from purchasing_power.model.splits import split
from purchasing_power.shop.samples import small_shop
from purchasing_power.shop.tables import scan
from purchasing_power.snapshot.build import build
from purchasing_power.snapshot.target import fit_target
from purchasing_power.snapshot.user_table import DOCUMENTS, USER, UserTable, distinct_texts
from purchasing_power.text.checkpoint import find_folder
from purchasing_power.text.encoder import Encoder
from purchasing_power.text.encoder_spec import parse
from purchasing_power.text.store import warm
from steps.model_logging import log_and_register, signature

HERE = Path(__file__).parent
UNSEEN = "@@TEXT@@"


@dataclass(frozen=True)
class ComparedModel:
    """A served model: its URI, and a file of request bodies, a line each, per kind of load."""

    name: str
    uri: str
    bodies: dict[str, Path]


@dataclass(frozen=True)
class Trained:
    """Our model on a simulated shop: what it was fitted on, and its bundle."""

    model: PurchasingModel
    table: UserTable
    train: np.ndarray
    known: np.ndarray
    bundle: Path

    @property
    def example(self) -> pd.DataFrame:
        """The input example that goes with the model."""
        return KIND.example(self.model, self.table)


def trained(folder: Path, users: int, runtime: str) -> Trained:
    """Fit the vectors of MiniLM and all features of a simulated shop, with the vectors of its texts in the bundle."""
    table = build(scan(small_shop(folder / "shop", users=users)), progress=False)
    parts = split(table)
    encoder = f"minilm?runtime={runtime}"
    store, texts = str(folder / "vectors"), distinct_texts(table, parts.known)
    warm(encoder, texts, store)
    params = model_params(representation="encoder", head="logistic", encoder=encoder)
    model = fit(table, parts, fit_target("tier", table, parts.train), params, RunSettings(store=store))
    return Trained(model, table, parts.train, parts.known, bundle.save(model, folder / "bundle", texts, store))


def new_experiment(folder: Path) -> str:
    """Id of an experiment in a tracking store of its own."""
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    return mlflow.create_experiment("serve", artifact_location=f"file://{folder}/artifacts")


def compared_models(folder: Path, users: int, runtime: str) -> tuple[list[ComparedModel], float]:
    """Log every model on the same simulated shop; the megabytes of the encoder's weights beside them."""
    experiment = new_experiment(folder)
    made = trained(folder, users, runtime)
    rows = requests(made.table.rows(made.known[-500:]))
    checked = _checked(made)
    with mlflow.start_run(experiment_id=experiment):
        ours = log_and_register(KIND, made.model, made.bundle, made.example, "ours", {})
        bare = mlflow.pyfunc.log_model(name="pass_through", python_model=str(HERE / "serve_pass_through.py"), **_BARE)
        frame = mlflow.pyfunc.log_model(
            name="frame", python_model=str(HERE / "serve_frame_pass_through.py"), signature=checked, **_BARE
        )
        naive = mlflow.pyfunc.log_model(
            name="naive",
            python_model=str(HERE / "serve_naive.py"),
            artifacts={"encoder": str(find_folder(parse("minilm"))), "weights": str(_naive(folder, made))},
            signature=checked,
            **_BARE,
        )
    plain, framed = _bodies(folder, "inputs", rows), _bodies(folder, "dataframe_records", rows)
    compared = [
        ComparedModel("ours", f"models:/ours/{ours.version}", plain),
        ComparedModel("pass-through", bare.model_uri, plain),
        ComparedModel("pass-through, DataFrame signature", frame.model_uri, framed),
        ComparedModel("naive", naive.model_uri, framed),
    ]
    return compared, Encoder.open("minilm").size_mb


def requests(table: UserTable) -> list[dict]:
    """Rows of a user table as a request holds them."""
    names = [*table.meta.features, USER]
    frame = table.frame[names].assign(**{DOCUMENTS: [list(texts) for texts in table.frame[DOCUMENTS]]})
    return json.loads(frame.to_json(orient="records"))


_BARE: dict = {"pip_requirements": ["mlflow"]}


def _checked(made: Trained) -> ModelSignature:
    """The signature of our model, enforced as MLflow does."""
    enforced = signature(KIND, made.model, made.example)
    enforced._is_signature_from_type_hint = False
    return enforced


def _naive(folder: Path, made: Trained) -> Path:
    """Weights of a logistic regression on standardised numbers and the vector of a row's joined texts."""
    frame = made.table.frame.iloc[made.train]
    numbers = np.nan_to_num(frame[list(made.table.meta.numeric)].to_numpy(np.float64))
    scaler = StandardScaler().fit(numbers)
    some = np.random.default_rng(0).permutation(len(frame))[:300]
    joined = [" ".join(frame[DOCUMENTS].iloc[row]) for row in some]
    X = np.hstack([scaler.transform(numbers[some]), Encoder.open("minilm").encode(joined)])
    spend = frame[made.table.meta.spend_outcome].to_numpy()[some]
    head = LogisticRegression(max_iter=1_000).fit(X, spend > np.quantile(spend, 0.8))
    path = folder / "naive.safetensors"
    weights = {
        "means": scaler.mean_,
        "scales": scaler.scale_,
        "coefficients": head.coef_[0],
        "intercept": head.intercept_,
    }
    save_file({name: np.ascontiguousarray(value) for name, value in weights.items()}, path)
    return path


def _bodies(folder: Path, form: str, rows: list[dict]) -> dict[str, Path]:
    """A file of bodies of one user each: with the user's own texts, which are warm, and with one unseen text."""
    bodies = {}
    for kind in ("warm", "unseen"):
        sent = [row if kind == "warm" else {**row, DOCUMENTS: [UNSEEN]} for row in rows]
        bodies[kind] = folder / f"{form}-{kind}.txt"
        bodies[kind].write_text("\n".join(json.dumps({form: [row]}) for row in sent) + "\n")
    return bodies
