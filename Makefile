# The two commands of the README: `make demo` and `make test`. Both do all the set-up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PEERS_INSTALLED := $(VENV)/.peers-installed

.PHONY: demo test lint types imports pytest soak bench bench-quick bench-startup docs clean

demo: $(INSTALLED)
	$(BIN)/link-archiver demo

test: lint types imports pytest

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/mypy

imports: $(INSTALLED)
	$(BIN)/lint-imports

pytest: $(INSTALLED)
	$(BIN)/pytest -m "not soak"

soak: $(INSTALLED)
	$(BIN)/pytest -m "soak or not soak"

bench-startup: $(INSTALLED)
	$(BIN)/python benchmarks/startup.py

# Takes some fifteen minutes and 6 GB of disk, and wants the machine for itself.
bench: $(PEERS_INSTALLED)
	$(BIN)/python -m benchmarks --output benchmarks

# Small sizes, to see that it works; its times mean nothing.
bench-quick: $(PEERS_INSTALLED)
	$(BIN)/python -m benchmarks --quick --output build/bench-quick

docs: $(INSTALLED)
	$(BIN)/python docs/generate_commands.py

$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	touch $@

$(PEERS_INSTALLED): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage*
