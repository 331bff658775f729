# What a person types, and what CI types. `make explore` and `make test` need Python ≥ 3.11, make and coreutils alone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
CLUSTER := $(VENV)/.installed-cluster
PYTEST := $(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 -r fEs
SPACE ?= default

.PHONY: help explore test test-slow test-all check docs cluster-test cluster-faults gpu-check format lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

explore: $(INSTALLED) ## Install, then a small exploration to the end (SPACE=name for another one)
	$(BIN)/python explore.py $(SPACE) --results results/$(SPACE)-$(shell date +%Y%m%d-%H%M%S)

test: $(INSTALLED) ## Install, then the tests, but for the slow ones
	$(PYTEST) -m "not slow"

test-slow: $(INSTALLED) ## What test leaves out: slow tests, and those that need further programs (git, rsync, Chromium, …)
	$(PYTEST) -m "slow or tools"

test-all: $(INSTALLED) ## Install, then all tests
	$(PYTEST)

check: $(INSTALLED) ## Format, lint, strict types, import contracts, doctests, language
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest --doctest-modules erpo_explore -q
	$(BIN)/python -m pytest tests/docs/test_language.py -q

docs: $(INSTALLED) ## Build the documentation site into site/, warnings are errors
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

cluster-test: $(CLUSTER) ## As root: a cluster of three machines in network namespaces, up, explored on, and down again
	$(BIN)/python -m tests.cluster.end_to_end

cluster-faults: $(CLUSTER) ## As root: the same machines killed, cut off and filled up; writes the table of docs/reliability.md
	$(BIN)/python -m tests.cluster.faults

gpu-check: ## On a machine with a GPU: the tests that need one, then step times (any PYTHON with PyTorch for CUDA)
	$(PYTHON) -m benchmarks.speed.gpu_check

format: $(INSTALLED) ## Format the code and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## Pin anew what pyproject.toml asks for
	rm -rf $(VENV)-lock && $(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip install --quiet 'torch==2.13.0' -e '.[dev,cluster]'
	$(VENV)-lock/bin/pip freeze --exclude-editable | sed 's/+cpu$$//' > constraints.txt
	rm -rf $(VENV)-lock

clean: ## Remove the environment and caches; results stay
	rm -rf $(VENV) site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python >= 3.11 is needed; make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

$(CLUSTER): $(INSTALLED)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,cluster]'
	@touch $@
