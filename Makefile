# Everything happens in .venv. Nothing but make and Python 3.11 or newer has to be there.
#
# PYTHON=python3.12           another interpreter than the first one found
# TORCH_INDEX=URL             another index for torch alone, to choose between its CPU and CUDA wheels
# PYTEST_ARGS="-m slow"       more arguments for pytest

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
INSTALL := $(PIP) install --progress-bar off -c constraints.txt
TORCH := $(shell sed -n 's/^\(torch==.*\)/\1/p' constraints.txt)
TORCH_INDEX ?=
PYTEST_ARGS ?=
DEMO := $(BIN)/python -m lmgym_agents.demo
BENCHMARKS := $(filter-out benchmarks/marks.py,$(wildcard benchmarks/[a-z]*.py))
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)

MAKEFLAGS += --no-print-directory
# Tests run side by side, so a thread pool in each process would only be in the way of the others.
test mutants: export OMP_NUM_THREADS = 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format docs marks bench mutants hooks clean

help:
	@echo 'make demo      train a tiny language model on lmgym/Math-v0 by SFT and PPO, in about three minutes'
	@echo 'make test      everything that must pass: format, lint, types, wheel, tests'
	@echo 'make check     the first three of these'
	@echo 'make format    rewrite the code to its format'
	@echo 'make docs      build the documentation site, build/site/index.html'
	@echo 'make mutants   plant each known silent bug in a copy and see that the tests find it'
	@echo 'make bench     measure speed and learning; writes benchmarks/results'
	@echo 'make marks     print what was measured against what was promised'
	@echo 'make hooks     run the checks before each commit (needs pre-commit)'
	@echo 'make clean     remove the virtual environments and everything generated but runs/'

setup: $(VENV)/.installed

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo 'No Python 3.11 or newer was found. Name one: make PYTHON=/path/to/python3.11'; exit 1; }
	@echo "setup: virtual environment with $(PYTHON)"
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

# torch by itself and first: a resolver that meets it among others may go and look at a wheel with CUDA.
$(VENV)/.torch: $(VENV)/.made
	@echo "setup: $(TORCH)"
	@$(INSTALL) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) $(TORCH)
	@touch $@

# The build tools come from the constraints too, hence no isolated build, which would fetch the newest.
$(VENV)/.installed: $(VENV)/.torch pyproject.toml constraints.txt
	@echo 'setup: lmgym with its agents and development tools (some minutes the first time)'
	@$(INSTALL) hatchling editables $(TORCH)
	@$(INSTALL) --no-build-isolation -e '.[agents,gguf,dev]' $(TORCH)
	@touch $@

$(VENV)/.peers: $(VENV)/.installed
	@echo 'setup: the peers that benchmarks compare with'
	@$(INSTALL) --no-build-isolation -e '.[agents,gguf,dev,peers]' $(TORCH)
	@touch $@

$(VENV)/.docs: $(VENV)/.installed
	@echo 'setup: the site generator of the documentation'
	@$(INSTALL) --no-build-isolation -e '.[agents,gguf,dev,docs]' $(TORCH)
	@touch $@

check: setup
	@echo 'format: ruff format --check'
	@$(BIN)/ruff format --check --quiet . || { echo 'Some files are not in format; run: make format'; exit 1; }
	@echo 'lint: ruff check'
	@$(BIN)/ruff check --quiet .
	@echo 'types: mypy'
	@$(BIN)/mypy --no-error-summary

test: check
	@echo 'wheel: build, install into an empty environment, use'
	@$(BIN)/python tests/smoke_wheel.py
	@echo 'tests: pytest'
	@$(BIN)/python -m pytest --quiet --numprocesses logical --maxprocesses 8 --dist worksteal $(PYTEST_ARGS)

demo: setup
	@$(DEMO)

bench: $(VENV)/.peers
	@for script in $(BENCHMARKS); do echo "bench: $$script"; $(BIN)/python $$script || exit 1; done
	@$(BIN)/python benchmarks/marks.py

format: setup
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

docs: $(VENV)/.docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo 'docs: build/site/index.html'

mutants: setup
	@$(BIN)/python -m tests.mutants.run

marks: setup
	@$(BIN)/python benchmarks/marks.py

hooks: setup
	@pre-commit install

clean:
	rm -rf $(VENV) .venv-* build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
