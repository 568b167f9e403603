"""Tests of the flat file's life: any columns, any kind of label, and clear words where it cannot be."""

from __future__ import annotations

from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.tracking import MlflowClient
from project import Project

from tracking import registry

pytestmark = pytest.mark.slow
WORDS = ["great shoes", "very bad 退款", "很好 会再买 😀", "it broke at once"]


def write(folder: Path, labels: str, rows: int = 300) -> Path:
    """A file whose text and income tell the label; a third of the users have two rows."""
    rng = np.random.default_rng(0)
    level = rng.normal(size=rows)
    label = {
        "binary": np.where(level > 0, "yes", "no"),
        "several": np.select([level > 0.5, level > -0.5], ["gold", "silver"], "bronze"),
        "number": np.round(level * 100 + 500, 2),
    }[labels]
    frame = pd.DataFrame(
        {
            "customer": [f"c{n % 220}" for n in range(rows)],
            "income": level * 10 + rng.normal(size=rows) * 5,
            "since": pd.date_range("2020-01-01", periods=rows, freq="D").strftime("%Y-%m-%d"),
            "member": rng.random(rows) < 0.5,
            "city": rng.choice(["Paris", "北京", None], rows),
            "review": [WORDS[0 if one > 0 else 1] + " " + rng.choice(WORDS) for one in level + rng.normal(size=rows)],
            "outcome": label,
        }
    )
    path = folder / "user_data.csv"
    frame.to_csv(path, index=False)
    return path


def lead(project: Project, path: Path, **more: str):
    """``main`` on the file, without the encoder; test_lifecycle runs it through MLflow Projects."""
    given = {"text": "review", "label": "outcome", "user": "customer", "representations": "tfidf", "trials": "3"}
    return project.run_here("main", data=str(path), workspace=str(project.folder / "workspace"), **{**given, **more})


@pytest.mark.parametrize(("labels", "better"), [("binary", "auc"), ("several", "auc_macro"), ("number", "r2")])
def test_a_flat_file_goes_from_csv_to_production(project: Project, tmp_path: Path, labels: str, better: str) -> None:
    done = lead(project, write(tmp_path, labels))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert "In production: version 1" in done.stdout
    mlflow.set_tracking_uri(project.store)
    runs = MlflowClient().search_runs([MlflowClient().get_experiment_by_name("tests").experiment_id])
    by_step = {run.data.tags.get("step"): run for run in runs}
    judged = by_step["evaluate"].data.metrics
    assert judged[f"model.{better}"] > judged[f"naive.{better}"] + 0.1
    assert len([name for name in by_step["train"].data.metrics if name.startswith("cv.fold_")]) == 3
    said = pd.read_parquet(project.folder / "workspace" / "predictions.parquet")
    assert len(said) == 300 and not said["user_id"].isin([f"c{n}" for n in range(220)]).any()
    model = registry.open_bundle(registry.at_stage("purchasing_power", "production"))
    assert model.training.calibration_rows > 0 and set(model.meta.numeric) == {"income", "since", "member"}
    if labels == "binary":
        other = project.run_here("main", data="small_shop", workspace=str(project.folder / "workspace"))
        assert other.returncode != 0
        assert "production predicts label, this run would predict auto" in other.stderr


def test_a_single_class_is_met_with_one_line(project: Project, tmp_path: Path) -> None:
    path = write(tmp_path, "binary")
    pd.read_csv(path).assign(outcome="same").to_csv(path, index=False)
    done = lead(project, path)
    assert done.returncode != 0
    error = next(line for line in done.stderr.splitlines() if line.startswith("error:"))
    assert "outcome" in error and "Traceback" not in done.stderr
