# The commands of the curriculum. `make` or `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEV_READY := $(VENV)/.ready-dev
# An environment works only in the folder that it was made for, whose name .ready holds.
MADE_FOR := $(if $(READY),$(shell cat $(READY) 2>/dev/null))
# Two threads of a small model wait for each other as soon as another program keeps a core busy.
export OMP_NUM_THREADS ?= 1
# Two test files or notebooks at once, a thread each: on two cores faster than one with two threads.
TWO_AT_ONCE := $(BIN)/python -m pytest -n 2 --dist loadfile
# 00 or the file's name; looked up when it is used.
NOTEBOOK_FILE = $(or $(firstword $(wildcard $(NOTEBOOK) notebooks/$(NOTEBOOK)_*.ipynb)),\
	$(error there is no notebook "$(NOTEBOOK)"; say which: make hand-in NOTEBOOK=00))

.DEFAULT_GOAL := help
.PHONY: help setup lab notebooks hand-in test slow test-all lint format record bands freeze clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make the environment in .venv (every other target does so where needed)

ifneq ($(or $(MADE_FOR),$(CURDIR)),$(CURDIR))
$(READY): moved
.PHONY: moved
moved:
	@echo "this folder was moved or copied from $(MADE_FOR): setting up again"
	rm -rf $(VENV)
endif

$(READY): requirements.txt constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and "Python 3.11 or newer is needed and $(PYTHON) is %d.%d.%d; name one with: make PYTHON=/path/to/python3" % v[:3])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@echo "$(CURDIR)" > $@

# What only maintainers need: types, a browser's driver, checks of files.
$(DEV_READY): $(READY) requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

lab: $(READY) ## open JupyterLab at notebook 00
	JUPYTER_CONFIG_PATH=course/lab $(BIN)/jupyter lab --LabApp.default_url=/lab/tree/notebooks/00_pytorch_warmup.ipynb

notebooks: $(READY) ## execute every notebook into build/notebooks, with an index.html
	$(BIN)/python -m course run

test: lint ## lint, unit tests, and every notebook strictly compared with its stored outputs
	$(TWO_AT_ONCE) -m "not slow"
	$(TWO_AT_ONCE) --nbval --nbval-current-env --nbval-cell-timeout=600 notebooks

slow: $(DEV_READY) ## the tests that take seconds by nature: browsers, servers, killed processes
	$(TWO_AT_ONCE) -m slow

test-all: test slow ## both

lint: $(DEV_READY) ## ruff and mypy
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

hand-in: $(READY) ## format, record and check your notebook: make hand-in NOTEBOOK=00
	$(BIN)/ruff format $(NOTEBOOK_FILE)
	$(BIN)/python -m course record $(NOTEBOOK_FILE)

format: $(READY) ## ruff's formatter, on notebooks too
	$(BIN)/ruff format .

record: $(READY) ## re-execute the notebooks in place, to commit their outputs
	$(BIN)/python -m course record --times

bands: $(READY) ## measure expected.toml again, over several seeds (about an hour)
	$(BIN)/python tools/measure_bands.py

freeze: ## resolve both requirement files afresh and write constraints.txt
	$(PYTHON) tools/freeze.py

clean: ## remove the environment and everything built
	rm -rf $(VENV) build
