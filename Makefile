# `make run` and `make test` set up what they need: Python 3.11+, make and a package index suffice.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CITY   ?= data/rooftops/shanghai
OUT    ?= runs/$(notdir $(CITY))
PORT   ?= 8501
AS_OF  ?=

.PHONY: help run test lint types tests browser postgres bench clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@awk -F ':.*##' '/^[a-z]+:.*##/ { printf "%-9s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Locked versions first; where the lock has none for this Python or machine, the ranges.
$(VENV)/ready: requirements.txt requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@echo "setting up $(VENV) (once; some minutes)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
	@$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements.txt -c requirements.lock \
	  || $(BIN)/python -m pip install -q --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/ready-dev: $(VENV)/ready requirements-dev.txt
	@echo "adding the tools for tests and checks"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements-dev.txt -c requirements.lock \
	  || $(BIN)/python -m pip install -q --disable-pip-version-check -r requirements-dev.txt
	@touch $@

run: $(VENV)/ready  ## compute the bundled city, print the gap table, open the app
	@$(BIN)/python -m pvplan run $(CITY) --out $(OUT) $(if $(AS_OF),--as-of $(AS_OF))
	@echo "opening the app on http://localhost:$(PORT) (Ctrl-C ends it)"
	@$(BIN)/python -m streamlit run app.py --server.port $(PORT)

test: lint types tests  ## every check and test

lint: $(VENV)/ready-dev  ## style
	@echo "ruff"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/ready-dev  ## types
	@echo "mypy --strict"
	@$(BIN)/mypy

tests: $(VENV)/ready-dev browser postgres  ## pytest, warnings as errors
	@$(BIN)/python -m pytest

# The browser tests want a Chromium; Debian's is installed where that is possible without asking.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	       && echo "installing Debian's chromium and a Chinese font" \
	       && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-wqy-microhei >/dev/null; } \
	  || echo "no Chromium found: the browser tests will be skipped (Debian: apt install chromium)"

# The tests of the ledger also want a PostgreSQL server; they start one of their own.
postgres:
	@command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	       && echo "installing Debian's postgresql" \
	       && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null; } \
	  || echo "no PostgreSQL found: its tests will be skipped (Debian: apt install postgresql)"

bench: $(VENV)/ready-dev  ## benchmarks against the peers; prints JSON
	@$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements-bench.txt
	@$(BIN)/python -m benchmarks.yield
	@$(BIN)/python -m benchmarks.run
	@$(BIN)/python -m benchmarks.shading
	@$(BIN)/python -m benchmarks.terrain
	@$(BIN)/python -m benchmarks.packing
	@$(BIN)/python -m benchmarks.screening
	@$(BIN)/python -m benchmarks.truth
	@$(BIN)/python -m benchmarks.uncertainty
	@$(BIN)/python -m benchmarks.reconciliation
	@$(BIN)/python -m benchmarks.ledger
	@$(BIN)/python -m benchmarks.city

clean:  ## remove what was set up and computed
	rm -rf $(VENV) runs artefacts .pytest_cache .mypy_cache .ruff_cache .hypothesis
