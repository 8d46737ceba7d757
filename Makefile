# Two commands on a fresh machine: `make lab` to work, `make test` to be sure.
# Elsewhere (Windows, no make): the same lines are in README.md.

VENV   ?= .venv
PYTHON ?= $(shell .ci/find-python)
ARGS   ?=
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --disable-pip-version-check --no-input -q -c .ci/constraints.txt

.PHONY: lab test lint demo bench lock clean system emulator
.DEFAULT_GOAL := lab

lab: $(VENV)/.lab
	$(BIN)/emgnb lab notebooks $(ARGS)

demo: $(VENV)/.lab
	$(BIN)/emgnb demo $(ARGS)

test: system emulator lint
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# Peers go into environments of their own; the results into docs/benchmarks.md.
bench: $(VENV)/.test
	$(BIN)/python benchmarks $(ARGS)

# What the tests need beside Python: a Chromium to drive (and see `emulator`).
system:
	@.ci/system-packages chromium

# The sketch of firmware/ and an emulated board to run it on: Debian's compiler and simulator.
emulator:
	@.ci/system-packages gcc libc6-dev gcc-avr avr-libc arduino-core-avr libsimavr-dev libelf-dev
	@if command -v avr-gcc >/dev/null && test -e /usr/include/simavr/sim_avr.h; \
	 then $(MAKE) -s -C firmware; \
	 else echo "No avr-gcc or libsimavr here: the emulated board is not built, its tests are skipped."; fi

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "emgnb needs Python >= 3.11; none was found on PATH."; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || .ci/system-packages python3-venv
	$(PYTHON) -m venv $(VENV)

$(VENV)/.lab: pyproject.toml .ci/constraints.txt | $(VENV)/bin/python
	@echo "Installing emgnb and what it needs into $(VENV) (a minute or two) …"
	$(PIP) -e '.[all]'
	@touch $@

$(VENV)/.test: pyproject.toml .ci/constraints.txt | $(VENV)/bin/python
	@echo "Installing emgnb, its tests and its linters into $(VENV) (a minute or two) …"
	$(PIP) -e '.[test,lint]'
	@touch $@ $(VENV)/.lab

# Renew the pinned versions, for every Python and system at once.
lock: $(VENV)/.test
	$(PIP) uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --all-extras --upgrade \
	  --no-header --no-annotate --no-emit-index-url pyproject.toml -o .ci/constraints.txt

clean:
	rm -rf $(VENV) .venv-peers .venv-libemg firmware/build build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
