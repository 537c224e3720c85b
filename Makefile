# The two commands of the README: `make demo` and `make test`. Both do all the set-up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PEERS_INSTALLED := $(VENV)/.peers-installed

.PHONY: demo test lint types imports pytest coverage soak mutants bench bench-quick bench-startup docs clean

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

# Lines and branches, in the commands' own processes too.
coverage: $(INSTALLED)
	rm -rf build/coverage
	COVERAGE_PROCESS_START=$(CURDIR)/setup.cfg COVERAGE_FILE=$(CURDIR)/build/coverage/data \
		$(BIN)/pytest -m "not soak" -p no:cov
	$(BIN)/coverage combine --quiet --data-file=build/coverage/data
	$(BIN)/coverage report --data-file=build/coverage/data --skip-covered --show-missing

# Each writes what it did into docs/reliability.md, once all of it went well.
soak: $(INSTALLED)
	rm -rf build/figures/soak
	LINK_ARCHIVER_FIGURES=build/figures/soak $(BIN)/pytest -m "soak or not soak"
	$(BIN)/python tests/figures.py soak build/figures/soak

mutants: $(INSTALLED)
	rm -rf build/figures/mutants
	LINK_ARCHIVER_FIGURES=build/figures/mutants $(BIN)/python tests/mutants.py
	$(BIN)/python tests/figures.py mutants build/figures/mutants

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
