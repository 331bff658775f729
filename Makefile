# What a person types, and what CI types. `make explore` and `make test` need Python ≥ 3.11, make and coreutils alone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.installed-run
INSTALLED := $(VENV)/.installed-test
CLUSTER := $(VENV)/.installed-cluster
PYTEST := $(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder -r fEs
# slow tests wait for processes, so two cores take three at a time; four would be slower
PYTEST_SLOW := $(subst --numprocesses logical,--numprocesses 3,$(PYTEST))
SPACE ?= default

.PHONY: help explore test test-slow test-random test-all check lint types doctest docs cluster-test cluster-faults gpu-check format lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

explore: $(RUN) ## Install, then a small exploration to the end (SPACE=name for another one)
	$(BIN)/python explore.py $(SPACE) --results results/$(SPACE)-$(shell date +%Y%m%d-%H%M%S)

test: $(INSTALLED) ## Install, then the tests, but for the slow ones
	$(PYTEST) -m "not slow"

test-slow: $(INSTALLED) ## What test leaves out: slow tests, and those that need further programs (git, rsync, Chromium, …)
	$(PYTEST_SLOW) -m "slow or tools" --durations=30

test-random: $(INSTALLED) ## The tests of properties, on 500 random examples each
	HYPOTHESIS_PROFILE=random $(PYTEST) -m "not slow and hypothesis"

test-all: $(INSTALLED) ## Install, then all tests, with all checks of types and shapes
	CHECK_ALL_TYPES=1 $(PYTEST)

check: lint types doctest ## Format, lint, strict types, import contracts, doctests, language

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: $(INSTALLED)
	$(BIN)/mypy

doctest: $(INSTALLED)
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

lock: ## Pin anew, with hashes, what pyproject.toml asks for (UPGRADE=--upgrade for the newest releases)
	rm -rf $(VENV)-lock && $(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip install --quiet uv
	PATH=$(CURDIR)/$(VENV)-lock/bin:$$PATH $(VENV)-lock/bin/python requirements/lock.py $(UPGRADE)
	rm -rf $(VENV)-lock

clean: ## Remove the environment and caches; results stay
	rm -rf $(VENV) site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# each kind of work adds its packages to those of the one before
$(VENV)/.installed-%: requirements/install.py requirements/%.txt
	$(PYTHON) requirements/install.py $(VENV) $*
	@touch $@

$(RUN): pyproject.toml requirements/build.txt requirements/torch.txt requirements/torch-cpu.txt
$(INSTALLED): $(RUN)
$(CLUSTER): $(INSTALLED)
