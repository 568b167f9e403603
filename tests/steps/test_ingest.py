"""Tests of ingest as a command: a mapping, its proposal, the page and what the run keeps."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from project import Project

from tracking import runs

LINES = """Bestellnummer;Kunde;Artikel;Menge;Betrag;Datum
1;K1;A;2;1.200,50;31.01.2024
1;K1;B;1;3,00;31.01.2024
2;K2;A;-1;-4,50;13.02.2024
3;K2;B;1;3,00;14.02.2024
"""
MAPPING = """tables:
  orders:
    from: export.csv
    columns:
      {order_id: Bestellnummer, user_id: Kunde, product_id: Artikel, quantity: Menge, amount: Betrag, ordered_at: Datum}
"""


@pytest.fixture
def export(tmp_path: Path) -> Path:
    (tmp_path / "export.csv").write_text(LINES, encoding="utf-8")
    (tmp_path / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
    return tmp_path / "export.csv"


def _run(project: Project) -> Run:
    mlflow.set_tracking_uri(project.store)
    experiment = MlflowClient().get_experiment_by_name("tests")
    return MlflowClient().search_runs([experiment.experiment_id])[0]


def _outputs(stdout: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in stdout.splitlines() if "=runs:/" in line)


def test_an_export_of_one_file_comes_in_by_its_mapping_with_page_mapping_and_money(
    project: Project, export: Path
) -> None:
    done = project.run_here(
        "ingest",
        data=str(export),
        mapping=str(export.with_name("mapping.yaml")),
        workspace=str(export.parent / "w"),
        language="zh",
    )
    assert done.returncode == 0, done.stderr
    outputs, metrics = _outputs(done.stdout), _run(project).data.metrics
    tables, _ = runs.fetch(outputs["tables"], "tables")
    assert pd.read_parquet(tables / "orders.parquet")["amount"].tolist() == [1200.5, 3, 3]
    assert pd.read_parquet(tables / "returns.parquet")["amount"].tolist() == [4.5]
    money = [metrics[f"money.{name}"] for name in ("gross", "returned", "net")]
    assert money == pytest.approx([1206.5, 4.5, 1202])
    assert (metrics["orders.read"], metrics["orders.kept"], metrics["orders.returned"]) == (4, 3, 1)
    page = runs.fetch(outputs["intake_page"], "intake.html")[0].read_text(encoding="utf-8")
    assert 'lang="zh-CN"' in page and "K1" not in page
    kept = MlflowClient().list_artifacts(_run(project).info.run_id)
    assert {"mapping.yaml", "intake.txt"} <= {one.path for one in kept}


def test_a_proposed_mapping_can_be_given_as_it_is(project: Project, export: Path) -> None:
    proposed = project.run_here("ingest", data=str(export), mapping="suggest", workspace=str(export.parent / "w"))
    assert proposed.returncode == 0, proposed.stderr
    path, _ = runs.fetch(_outputs(proposed.stdout)["mapping"], "mapping.yaml")
    done = project.run_here("ingest", data=str(export), mapping=str(path), workspace=str(export.parent / "w"))
    assert done.returncode == 0, done.stderr
    assert _run(project).data.metrics["money.net"] == pytest.approx(1202)


def test_main_refuses_to_go_on_with_a_proposal(project: Project, export: Path) -> None:
    done = project.run_here("main", data=str(export), mapping="suggest", workspace=str(export.parent / "w"))
    assert done.returncode == 2 and "-e ingest -P mapping=suggest" in done.stderr
