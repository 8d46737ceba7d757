# Two commands on a fresh machine: `make lab` to work, `make test` to be sure.
# Elsewhere (Windows, no make): the same lines are in README.md.

VENV   ?= .venv
PYTHON ?= $(shell .ci/find-python)
ARGS   ?=
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --disable-pip-version-check --no-input -q -c .ci/constraints.txt

# Hundreds of processes would each compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: lab test compiled soak lint docs paper demo bench lock pins prerelease lowest clean system emulator hex
.DEFAULT_GOAL := lab

lab: $(VENV)/.lab
	$(BIN)/emgnb lab notebooks $(ARGS)

demo: $(VENV)/.lab
	$(BIN)/emgnb demo $(ARGS)

# Tests of one module stay on one worker; what takes longest begins first.
PYTEST := $(BIN)/python -m pytest -n auto --dist loadscope --no-loadscope-reorder

test: system emulator $(VENV)/.test
	@$(MAKE) -s -k -j2 --output-sync=target lint compiled
	$(PYTEST) $(ARGS)

# pytest rewrites the tests' assertions: once, instead of in each worker.
compiled: $(VENV)/.test
	@$(BIN)/python -m pytest --collect-only -q --no-header >/dev/null || true

# What takes minutes each, and has a short sibling in `make test`.
soak: system emulator $(VENV)/.test $(VENV)/.hub
	PATH="$(CURDIR)/$(VENV)/proxy/node_modules/.bin:$$PATH" $(PYTEST) -m soak $(ARGS)

lint: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	@.ci/lint-javascript $(VENV)/node

# The site, in build/docs/index.html. A warning is an error. The tutorials are run, which takes minutes,
# and again only when they have changed.
docs: $(VENV)/.docs
	$(BIN)/sphinx-build -q -W --keep-going -d build/doctrees docs build/docs $(ARGS)
	@echo "The site is in build/docs/index.html"

# Peers go into environments of their own; the results into docs/benchmarks.md.
bench: $(VENV)/.test
	$(BIN)/python benchmarks $(ARGS)

# The numbers of the paper, from seeded computations, and its filled text in build/paper.
paper: $(VENV)/.test
	$(BIN)/python docs/paper/make.py $(ARGS)

# What the tests need beside Python: a Chromium to drive (and see `emulator`).
system:
	@.ci/system-packages chromium

# The sketch of firmware/ and an emulated board to run it on: Debian's compiler and simulator.
emulator:
	@.ci/system-packages gcc libc6-dev gcc-avr avr-libc arduino-core-avr libsimavr-dev libelf-dev
	@if command -v avr-gcc >/dev/null && test -e /usr/include/simavr/sim_avr.h; \
	 then $(MAKE) -s -C firmware; \
	 else echo "No avr-gcc or libsimavr here: the emulated board is not built, its tests are skipped."; fi

# Renew the compiled sketches in emgnb/flash, which `emgnb flash` writes.
hex: emulator
	$(MAKE) -s -C firmware package

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

# JupyterHub's proxy, for the soak only.
$(VENV)/.hub: | $(VENV)/bin/python
	@npm install --prefix $(VENV)/proxy --no-save --no-audit --no-fund --ignore-scripts --loglevel error \
	  configurable-http-proxy@5.3.0 || echo "No npm, or no registry: the tests of JupyterHub are skipped."
	@touch $@

$(VENV)/.docs: pyproject.toml .ci/constraints.txt | $(VENV)/bin/python
	@echo "Installing emgnb and Sphinx into $(VENV) (a minute or two) …"
	$(PIP) -e '.[docs]'
	@touch $@ $(VENV)/.lab

# Renew the pinned versions, for every Python and system at once.
lock: $(VENV)/.test
	$(PIP) uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --all-extras --upgrade \
	  --no-header --no-annotate --no-emit-index-url --constraint .ci/bounds.txt pyproject.toml \
	  -o .ci/constraints.txt
	@$(MAKE) -s pins

# The versions of a kit, which are those of the constraints: after a change of emgnb[all].
pins: $(VENV)/.test
	$(PIP) uv
	echo pip | $(BIN)/uv pip compile -q --universal --python-version 3.11 --extra all \
	  --no-header --no-annotate --no-emit-index-url --constraint .ci/constraints.txt pyproject.toml - \
	  -o emgnb/kit/requirements.txt

# The few private names of xarray that emgnb uses, against its newest release or pre-release.
prerelease: PIP := .venv-prerelease/bin/python -m pip install --disable-pip-version-check --no-input -q
prerelease:
	$(PYTHON) -m venv .venv-prerelease
	$(PIP) -e . pytest pytest-timeout psutil
	$(PIP) --pre --upgrade xarray
	.venv-prerelease/bin/python -m pytest -q tests/unit/test_xarray_names.py $(ARGS)

# The unit tests with the oldest version that pyproject.toml allows of each direct dependency.
lowest:
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --disable-pip-version-check --no-input -q uv
	.venv-lowest/bin/uv pip install -q --python .venv-lowest/bin/python --resolution lowest-direct \
	  -e '.[all,long,brain,live,remote,parquet,hub]'
	@# What the tests need in addition must not raise these versions.
	.venv-lowest/bin/uv pip freeze -q --exclude-editable --python .venv-lowest/bin/python >.venv-lowest/lowest.txt
	.venv-lowest/bin/uv pip install -q --python .venv-lowest/bin/python -c .venv-lowest/lowest.txt -e '.[test]'
	.venv-lowest/bin/python -m pytest -q -n 2 tests/unit $(ARGS)

clean:
	rm -rf docs/api/emgnb.*.rst docs/api/generated docs/tutorials/*.ipynb $(VENV) .venv-prerelease .venv-lowest .venv-peers .venv-libemg firmware/build build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
