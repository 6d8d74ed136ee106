# Two commands do everything on a fresh machine with Python 3.11 to 3.13 and make: `make train` and `make test`.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: help install train test check lint coverage test-long torture mutants docs site bench clean

help:
	@echo "make train      set up, then train a small conv net on the embedded digits (under a minute after set-up)"
	@echo "make test       set up, then run every check: ruff, format, mypy, deptry and the tests"
	@echo "make check      ruff, format, mypy and deptry only"
	@echo "make lint       the same in an environment that is there; set BIN to its folder of commands"
	@echo "make coverage   the tests of make test, with the lines and branches that they run, also in processes of their own"
	@echo "make test-long  the tests that take minutes too; with DEEPCLI_DATA_DIR also those on real data"
	@echo "make torture    kills, cuts, full disks, hostile files: the tests in tests/torture in full (under an hour)"
	@echo "make mutants    put faults into the code, one at a time, and see the tests notice them (about an hour)"
	@echo "make docs       write docs/reference/ and the JSON schemas from the classes that they describe"
	@echo "make site       build the documentation as a web site in site/, which needs no network to be read"
	@echo "make bench      start-up, and whole runs and their memory against plain Keras, as ratios (about a quarter of an hour)"
	@echo "make clean      remove the environment and everything made by tools"

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,jax,postgresql,slurm,dashboard,onnx,litert,tensorboard,mlflow,wandb,bpe,translation,grain]'
	@touch $@

install: $(VENV)/.installed

train: $(VENV)/.installed
	$(BIN)/deepcli train configs/digits/cnn.yaml

check: $(VENV)/.installed-dev
	@$(MAKE) --no-print-directory lint

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/deptry deepcli
	$(BIN)/deptry tests benchmarks --ignore DEP002,DEP004

test: check
	$(BIN)/pytest -n 2 --dist loadgroup -m "not long"

coverage: export COVERAGE_FILE = $(CURDIR)/.coverage
coverage: $(VENV)/.installed-dev
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n 2 --dist loadgroup -m "not long" $(TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

test-long: $(VENV)/.installed-dev
	$(BIN)/pytest -n 2 --dist loadgroup --timeout 3600

torture: $(VENV)/.installed-dev
	DEEPCLI_TORTURE=1 $(BIN)/pytest -n 2 --dist worksteal --timeout 3600 tests/torture

mutants: $(VENV)/.installed-dev
	$(BIN)/python -m tests.mutants

docs: $(VENV)/.installed
	$(BIN)/python -m deepcli.cli.command_pages docs/reference
	$(BIN)/python -m deepcli.cli.schemas

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	@touch $@

site: $(VENV)/.installed-docs
	$(BIN)/mkdocs build --strict

bench: $(VENV)/.installed
	@echo "First start-up, about two minutes; then deepcli against plain Keras, about a quarter of an hour on two cores."
	@echo "The second needs DEEPCLI_DATA_DIR, a folder with mnist.npz and imdb.npz. JSON=FILE keeps every figure."
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/first_step.py
	$(BIN)/python benchmarks/compare.py $(if $(JSON),--json "$(JSON)")

clean:
	rm -rf $(VENV) build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache .nox .coverage .coverage.* htmlcov
