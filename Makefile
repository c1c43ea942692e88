# Everything runs in .venv, made from the lock files; state of the embedded defaults lies in HEADWATER_HOME.
SHELL := /bin/bash
PYTHON ?= python3
export HEADWATER_HOME ?= $(CURDIR)/.headwater
export DAGSTER_HOME ?= $(HEADWATER_HOME)
export DAGSTER_DISABLE_TELEMETRY := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
# Nothing here is linear algebra: its threads would only spin whenever a process starts.
export OPENBLAS_NUM_THREADS := 1
BIN := .venv/bin
# Against the pins of ethereum-etl's own packages, as its dependency group says in pyproject.toml.
ETL_OVERRIDE := parsimonious==0.9.0
FROM ?= 2024-01-02
TO ?= 2024-01-04

.DEFAULT_GOAL := help
.PHONY: help sources setup run run-markets test dev check format backfill bench lock clean

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
	@mkdir -p $(DAGSTER_HOME) && cp $< $@

setup: .venv/.ready $(DAGSTER_HOME)/dagster.yaml ## Make the environment

run: setup ## Run the three sample days from the embedded chain to daily metrics
	@echo "Loading the definitions (the first time, dbt's project is parsed)"
	@$(BIN)/python -m commands $(FROM) $(TO)

run-markets: setup ## Run three days of the markets from the embedded sample to prices, chains and shares
	@$(BIN)/python -m commands.markets_days $(FROM) $(TO)

backfill: setup ## Run the days FROM= to TO= from the configured node
	@echo "Loading the definitions (the first time, dbt's project is parsed)"
	@$(BIN)/python -m commands $(FROM) $(TO)

dev: setup ## Open the Dagster UI on http://localhost:3000
	@$(BIN)/dagster dev -w workspace.yaml

test: .venv/.ready-dev ## Run the tests
	@echo "Running the tests (20 minutes on two cores)"
	@$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

bench: setup ## Measure the budgets beside ethereum-etl and cryo (BENCH="--blocks 300" for a short run)
	@$(BIN)/python -m benchmarks.run $(BENCH)

sources: ## Write dbt's sources from the declared tables
	$(BIN)/python -m commands.sources

format: .venv/.ready-dev ## Format the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

check: .venv/.ready-dev ## Format, lint, types, SQL, definitions, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint dbt_project/models
	cd dbt_project && ../$(BIN)/dbt parse --quiet
	$(BIN)/dagster definitions validate -w workspace.yaml
	$(MAKE) test

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
