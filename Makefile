# Few commands with plain names. Each sets up what it needs; run again, it is quick.
#
#   make setup   virtual environment in .venv, project installed in place
#   make check   ruff, mypy, import contracts and house rules
#   make test    system packages the tests need, then check, then the whole suite
#   make test-apps  ffmpeg, ImageMagick and Blender on a real farm, installed first (some 600 MB)
#   make coverage  every line of the perfect files (tests/house/perfect.txt) is run by their tests
#   make bench   benchmarks, each figure beside its target
#   make sim     long simulations: whole farms on virtual time, and random farms whose every answer is proven
#   make fuzz    every decoder that meets the network, by atheris where it installs
#   make demo    a farm of one server and two agents renders an animation
#   make clean   remove what these commands made
#
# AF_PYTHON chooses the interpreter (3.11 or newer): make setup AF_PYTHON=python3.12
# PYTEST_ARGS goes to pytest:                        make test PYTEST_ARGS="tests/unit -x"
# TEST_WORKERS is how many tests run side by side:   make test TEST_WORKERS=0 (all in one process)

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

AF_PYTHON ?= $(PYTHON)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST_ARGS ?=
# Most tests of real processes wait more than they compute: four of them keep two cores busy.
TEST_WORKERS ?= 4
DEMO_ARGS ?=
BENCH_ARGS ?=
SIM_FARMS ?= 10000
FUZZ_SECONDS ?= 20
SIM_SEEDS ?= 0:10000

# Tests start hundreds of processes of the farm: whatever the shell says of it, byte code is kept and not made anew in each.
test test-apps coverage demo: export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup check style house collect test test-apps coverage bench sim fuzz demo clean

help:
	@sed -n 's/^#   make/make/p' Makefile

setup: $(STAMP)

$(STAMP): pyproject.toml tools/make-venv
	@tools/make-venv "$(VENV)" "$(AF_PYTHON)"
	@touch $@

check: style house

style: setup
	@echo "ruff"
	@$(BIN)/ruff check --quiet .
	@echo "mypy"
	@$(BIN)/mypy

house: setup
	@echo "import contracts and house rules"
	@$(BIN)/python -m pytest -q tests/house

# Looks at every test file once: what each of the workers would compile again is there when they begin.
collect: setup
	@$(BIN)/python -m pytest -q --collect-only $(PYTEST_ARGS) >/dev/null || $(BIN)/python -m pytest -q --collect-only $(PYTEST_ARGS)

# mypy keeps one core busy and collecting another.  The house rules are in the suite, as all tests are.
test: setup
	@tools/system-packages
	@$(MAKE) -j2 -Otarget style collect
	@echo "the whole suite"
	@$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

test-apps: setup
	@tools/system-packages apps
	@$(BIN)/python -m pytest tests/apps $(PYTEST_ARGS)

coverage: setup
	@tools/check-coverage "$(VENV)"

bench: setup
	@$(BIN)/python -m benchmarks $(BENCH_ARGS)

sim: setup
	@echo "why tasks do not run, on $(SIM_FARMS) random farms"
	@$(BIN)/python -m tests.sim.whyfarms 0 $(SIM_FARMS)
	@echo "whole farms on virtual time, seeds $(SIM_SEEDS)"
	@$(BIN)/python -m tests.sim $(SIM_SEEDS)

fuzz: setup
	@$(BIN)/python -c "import atheris" 2>/dev/null \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check atheris || true
	@$(BIN)/python -m tests.wire.fuzz $(FUZZ_SECONDS)

demo: setup
	@$(BIN)/python -m afnet.demo $(DEMO_ARGS)

clean:
	rm -rf $(VENV) build dist *.egg-info demo-output .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
