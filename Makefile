# Everything runs in .venv, made from the lock files; state of the embedded defaults lies in HEADWATER_HOME.
SHELL := /bin/bash
PYTHON ?= python3
export HEADWATER_HOME ?= $(CURDIR)/.headwater
export DAGSTER_HOME ?= $(HEADWATER_HOME)
export DAGSTER_DISABLE_TELEMETRY := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
# Nothing here is linear algebra: its threads would only spin whenever a process starts.
export OPENBLAS_NUM_THREADS := 1
# Without bytecode each of the hundreds of processes that a run starts would compile all of ours anew.
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
# Against the pins of ethereum-etl's own packages, as its dependency group says in pyproject.toml.
ETL_OVERRIDE := parsimonious==0.9.0
PORT ?= 3000
# One more than the cores of the smallest machine this runs on: a third of the tests' time is waiting.
WORKERS ?= 3
TESTED = $(if $(ROOM),$(wildcard tests/*/$(ROOM) tests/resources/clients/$(ROOM) tests/*/test_$(ROOM)*.py),tests)
QUICK := tests/test_architecture.py tests/core tests/assets/ethereum/transform

.DEFAULT_GOAL := help
.PHONY: help sources setup run test test-quick fuzz dev check lint format backfill bench lock clean

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Headwater needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Making a virtual environment in .venv"
	@$(PYTHON) -m venv .venv

.venv/.ready: requirements.lock | .venv/bin/python
	@echo "Installing the locked packages (a minute or two, once)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

.venv/.ready-dev: requirements-dev.lock .venv/.ready
	@echo "Installing the locked development packages (once)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

$(DAGSTER_HOME)/dagster.yaml: deploy/local/dagster.yaml
	@mkdir -p -m 700 $(DAGSTER_HOME) && cp $< $@

setup: .venv/.ready $(DAGSTER_HOME)/dagster.yaml ## Make the environment

run: setup ## Run the sample days of ROOM= (a room, or all), or FROM= to TO=
	@echo "Loading the definitions (the first time, dbt's project is parsed)"
	@$(BIN)/python -m commands run $(or $(ROOM),ethereum) $(if $(FROM),--from $(FROM)) $(if $(TO),--to $(TO))

backfill: setup ## Run the days FROM= to TO= of ROOM= from the configured sources (ARGS=--sandbox: the samples, too)
	@echo "Loading the definitions (the first time, dbt's project is parsed)"
	@$(BIN)/python -m commands backfill $(or $(ROOM),ethereum) $(FROM) $(TO) $(ARGS)

dev: setup ## Open the Dagster UI on http://localhost:3000 (another PORT= if that is taken)
	@$(BIN)/python -m commands dev --port $(PORT)

test: .venv/.ready-dev ## Run the tests, or those of ROOM=
	$(if $(TESTED),,$(error There are no tests of a room named "$(ROOM)"))
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder $(TESTED) $(ARGS)

test-quick: .venv/.ready-dev ## Run the rules of the tree and the pure tests, which start no server
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow and not anvil and not browser" $(QUICK) $(ARGS)

fuzz: .venv/.ready-dev ## Try what sources might send, 10,000 examples for each boundary (or EXAMPLES=), and 50 kills in each way of writing
	@FUZZ_EXAMPLES=$(or $(EXAMPLES),10000) $(BIN)/python -m pytest -n $(WORKERS) -m fuzz tests $(ARGS)

bench: setup ## Measure the budgets beside ethereum-etl and cryo (BENCH="--blocks 300" for a short run)
	@$(BIN)/python -m benchmarks.run $(BENCH)

sources: ## Write dbt's sources from the declared tables
	$(BIN)/python -m commands.sources

format: .venv/.ready-dev ## Format the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

check: lint test ## What a change has to pass: lint, then the tests

lint: .venv/.ready-dev ## Format, style, types, SQL, definitions
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint dbt_project/models
	cd dbt_project && ../$(BIN)/dbt parse --quiet
	$(BIN)/dagster definitions validate -w workspace.yaml

lock: .venv/bin/python ## Resolve the lock files anew
	@$(BIN)/pip install --quiet uv
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url \
		--no-header pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url \
		--no-header --group dev -c requirements.lock pyproject.toml -o requirements-dev.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url \
		--no-header --no-annotate --override <(echo $(ETL_OVERRIDE)) --group ethereum-etl -o requirements-ethereum-etl.lock

clean: ## Remove the embedded defaults' state
	rm -rf $(HEADWATER_HOME) dbt_project/target dbt_project/logs
