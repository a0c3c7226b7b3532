# Two commands matter: `make demo` and `make test`. Both make their own .venv and install what they need.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: help install demo test test-all lint types rules bench notebooks docs-check wheel-check clean

help:            ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: $(STAMP) ## make .venv and install qalgs with its extras and tools
$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --only-binary=:all: --group dev
	$(BIN)/python -m pip install --quiet --prefer-binary --editable ".[ibm,mpi]"
	@touch $(STAMP)

demo: $(STAMP)   ## all four methods on this computer, into one page: runs/demo/report.html
	$(BIN)/qalgs demo

test: $(STAMP) lint types rules  ## lint, types, import rules and every quick test
	$(BIN)/python -m pytest -n 2 -m "not slow and not gpu"

test-all: $(STAMP) lint types rules  ## the same with the slow tests
	$(BIN)/python -m pytest -n 2 -m "not gpu"

lint: $(STAMP)   ## ruff: style, docstrings, formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)  ## basedpyright
	$(BIN)/basedpyright --pythonpath $(BIN)/python

rules: $(STAMP)  ## which room may import which
	$(BIN)/lint-imports --no-cache

bench: $(STAMP)  ## every benchmark, paired with its peers in the same run
	$(BIN)/python -m pip install --quiet --prefer-binary --group peers --editable ".[numba]"
	$(BIN)/python -m experiments bench

notebooks: $(STAMP) ## run the tutorials and store them with their outputs
	$(BIN)/python -m pip install --quiet --prefer-binary --editable ".[ibm,mpi,notebooks]"
	$(BIN)/python examples/build.py

docs-check: $(STAMP) ## every example of the README runs
	$(BIN)/python -m pytest -q tests/test_readme.py

WHEEL := build/wheel-check
wheel-check: $(STAMP) ## the wheel alone, in an environment of its own, passes the tests from another folder
	rm -rf $(WHEEL) && mkdir -p $(WHEEL)/elsewhere
	$(BIN)/python -m hatchling build -t wheel -d $(WHEEL)
	$(PYTHON) -m venv $(WHEEL)/venv
	$(WHEEL)/venv/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	$(WHEEL)/venv/bin/python -m pip install --quiet --prefer-binary --group dev "$$(ls $(WHEEL)/*.whl)[ibm,mpi]"
	cp -r tests experiments examples README.md pyproject.toml $(WHEEL)/elsewhere
	cd $(WHEEL)/elsewhere && ../venv/bin/python -m pytest -n 2 -m "not slow and not gpu"

clean:           ## remove everything that can be made again
	rm -rf $(VENV) build dist runs .pytest_cache .ruff_cache .hypothesis
