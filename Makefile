# `make demo` and `make test` work on a fresh machine that reaches a package registry and nothing else.
PYTHON ?= python3
# A CPU build is enough for the default backbone. Override for another build: make TORCH="torch" demo
TORCH ?= torch==2.13.0
# Processes that run the tests.
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

export TOKENIZERS_PARALLELISM ?= true
export HF_HUB_DISABLE_TELEMETRY := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Else every process of the tests compiles the package and rewrites the tests anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-slow lint format bench bench-speed clean

$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet "$(TORCH)"
	$(BIN)/pip install --quiet --editable ".[offline,dev]"
	touch $(STAMP)

demo: $(STAMP)
	@BIN=$(BIN) sh samples/demo.sh

test: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

test-slow: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "slow or not slow"

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# All methods on made tasks, minutes on two cores, offline.
bench: $(STAMP)
	$(BIN)/longattncomp bench --preset quick --output bench-report.json --html bench-report.html --overwrite

# Scoring against the bare backbone, memory, start-up.
bench-speed: $(STAMP)
	$(BIN)/python tests/benchmarks/speed.py

clean:
	rm -rf $(VENV) build dist demo-output bench-report.json bench-report.html .pytest_cache .mypy_cache .ruff_cache
