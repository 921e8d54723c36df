# `make run` and `make test` set up what they need: Python 3.11+, make and a package index suffice.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CITY   ?= data/rooftops/shanghai
OUT    ?= runs/$(notdir $(CITY))
PORT   ?= 8501
AS_OF  ?=

# Python versions that the locks are resolved and tried for.
LOCKED := 3.11 3.12 3.13
PIP    := $(BIN)/python -m pip install -q --disable-pip-version-check --no-compile
PYTEST := $(BIN)/python -m pytest -q -n 2 --dist worksteal --durations 25

.PHONY: help run test test-all lint types tests tests-all kernels system lock bench clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@awk -F ':.*##' '/^[a-z-]+:.*##/ { printf "%-10s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# $(call install,LOCK,RANGES): the locked versions, each file held against its digest. Only a Python
# that the lock does not cover, or LOCKED= on the command line, gets the ranges, and that is printed.
define install
	@version=$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	case " $(LOCKED) " in \
	*" $$version "*) $(PIP) --require-hashes -r $(1) || { \
	    echo "$(1) cannot be installed; 'make LOCKED= ...' installs the ranges of $(2) instead"; exit 1; } ;; \
	*) echo "$(1) is not made for Python $$version: installing the ranges of $(2)"; $(PIP) -r $(2) ;; \
	esac
	@touch $@
endef

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@echo "setting up $(VENV) (once; some minutes)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/ready: $(BIN)/python requirements.txt requirements.lock
	$(call install,requirements.lock,requirements.txt)

$(VENV)/ready-dev: $(BIN)/python requirements.txt requirements-dev.txt requirements-dev.lock
	@echo "adding the tools for tests and checks"
	$(call install,requirements-dev.lock,requirements-dev.txt)

run: $(VENV)/ready  ## compute the bundled city, print the gap table, open the app
	@$(BIN)/python -m pvplan run $(CITY) --out $(OUT) $(if $(AS_OF),--as-of $(AS_OF))
	@echo "opening the app on http://localhost:$(PORT) (Ctrl-C ends it)"
	@$(BIN)/python -m streamlit run app.py --server.port $(PORT)

# Two at a time: packages beside the system's, types beside the kernels, then the tests.
test:  ## every check, and the tests that are not marked long (20 minutes on 2 cores)
	@$(MAKE) --no-print-directory -j2 lint types tests

test-all:  ## the same with all tests, and properties with many examples (75 minutes)
	@$(MAKE) --no-print-directory -j2 lint types tests-all

lint: $(VENV)/ready-dev  ## style
	@echo "ruff"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/ready-dev  ## types
	@echo "mypy --strict"
	@$(BIN)/mypy

tests: $(VENV)/ready-dev system kernels
	@$(PYTEST) -m "not long"

tests-all: $(VENV)/ready-dev system kernels
	@$(PYTEST) --hypothesis-profile thorough

# Compiled once, or every process that tests would compile them.
kernels: $(VENV)/ready-dev
	@echo "compiling kernels"
	@$(BIN)/python -c "from tests.toy import roofs; roofs()"

# Tests want a Chromium and a PostgreSQL server (they start one of their own); Debian's are installed
# where that is possible without asking.
system:
	@wanted=; \
	command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	  || wanted="chromium fonts-wqy-microhei"; \
	command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || wanted="$$wanted postgresql"; \
	if [ -z "$$wanted" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "installing Debian's $$wanted"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$wanted >/dev/null && exit 0; \
	fi; \
	echo "not found: $$wanted; the tests that want them will be skipped (Debian: apt install $$wanted)"

RESOLVE = $(BIN)/uv pip compile -q --universal --python-version $(firstword $(LOCKED) 3.11) --generate-hashes \
	--custom-compile-command "make lock"

# Versions that still fit are kept; delete a lock to take the newest.
lock: $(BIN)/python  ## resolve requirements.txt and requirements-dev.txt to the locks
	@$(PIP) uv
	@$(RESOLVE) requirements.txt -o requirements.lock
	@$(RESOLVE) -c requirements.lock requirements-dev.txt -o requirements-dev.lock

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
