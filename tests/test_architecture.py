"""The architecture: layers, pins, sizes of modules and functions, packages that explain themselves."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("purchasing_power", "tracking", "steps", "monitoring")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "service"}


PAGES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.html.j2"))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_has_its_looks_from_the_toolkit(path: Path) -> None:
    if path.parent.name != "pages":
        text = path.read_text(encoding="utf-8")
        assert text.startswith('{% extends "layout.html.j2" %}')
        assert not [tag for tag in ("<style", "<table", "<h1", "<header", "<section", "<svg") if tag in text]


def test_the_layers_hold_and_no_import_closes_a_cycle() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_conda_and_pyproject_hold_the_same_pins() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    conda = yaml.safe_load((ROOT / "conda.yaml").read_text())["dependencies"]
    pins = next(entry["pip"] for entry in conda if isinstance(entry, dict))
    assert [pin for pin in pins if pin != "-e ."] == project
    assert all("==" in pin for pin in project)
    assert "python=3.11.7" in conda


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_short_and_well_named(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
    assert path.stem not in FORBIDDEN_NAMES


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_function_body_is_under_30_lines(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    assert [node.name for node in functions if body_lines(node) >= 30] == []


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function from its first statement to its last, its docstring left out."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize(
    "path", [path for path in MODULES if path.name == "__init__.py"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_package_says_what_it_is_for_what_it_imports_and_where_to_start(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert len(docstring.splitlines()) >= 3
    words = " ".join(docstring.split())
    assert "Imports " in words and "Start with " in words


@pytest.mark.parametrize(
    "package",
    [path.parent for path in MODULES if path.name == "__init__.py"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_a_folder_holds_few_modules_and_no_prefix_stands_for_a_folder(package: Path) -> None:
    names = [path.stem for path in package.glob("*.py") if path.stem != "__init__"]
    assert len(names) <= 22
    prefixes = Counter(name.split("_")[0] for name in names if "_" in name)
    assert [prefix for prefix, count in prefixes.items() if count >= 4] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_public_names_have_docstrings(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.ClassDef)
    bare = [
        node.name
        for node in tree.body
        if isinstance(node, kinds) and not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    assert bare == []


def test_evidently_imports_on_our_pins() -> None:
    subprocess.run([sys.executable, "-c", "import evidently"], check=True, cwd=ROOT)


LIGHT = "ingest history main retire retrain rollback serve snapshot stages"
HEAVY = "explain evaluate promote score train tune"


@pytest.mark.parametrize("steps, barred", [(LIGHT, "sklearn"), (HEAVY, "torch")], ids=["light", "heavy"])
def test_a_command_imports_no_heavy_library_before_it_needs_it(steps: str, barred: str) -> None:
    imports = "; ".join(f"import steps.{name}" for name in steps.split())
    libraries = {"torch", "transformers", "lightgbm", barred}
    code = f"import sys; {imports}; sys.exit(', '.join({libraries} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
