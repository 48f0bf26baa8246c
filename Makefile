# Everything runs in a virtual environment of the project's own, which the first target that needs it
# makes. Nothing is installed again until setup.py, pyproject.toml or the requirements change.

VENV ?= .venv
PYTHON ?= python3
# The environments of `make test-floors` and `make test-openmmlab`.
FLOORS ?= .venv-floors
OPENMMLAB ?= .venv-openmmlab
MODEL ?= darnet
SECONDS ?= 60
# How many tests run at once; 0 runs them in pytest's own process.
JOBS ?= 2
# More options for pytest: make test TESTFLAGS='-k parity'
TESTFLAGS ?=

PY = $(VENV)/bin/python
# A test that hangs fails after half an hour, and a process that dies ends the run at once: with
# another in its place, pytest-xdist does not end at all. Files are begun in the order of
# tests/conftest.py.
TESTS = -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder --max-worker-restart 0 \
	--timeout 1800
PYTEST = $(PY) $(TESTS)
INSTALL = $(PY) -m pip install --quiet --disable-pip-version-check
SAY = Installing mmcd, PyTorch and what goes with them into $(VENV): some minutes and about 6 GB, once.
NEEDS = setup.py pyproject.toml mmcd/install/requirements.py
MADE = $(VENV)/.mmcd-made
RUN = $(VENV)/.mmcd-run
DEV = $(VENV)/.mmcd-dev

ifneq ($(words $(VENV)),1)
$(error VENV must be one path without spaces, such as .venv; it is '$(VENV)')
endif

.DEFAULT_GOAL := help
.PHONY: help install demo test check format-check format lint types test-fast clean \
	test-floors test-openmmlab fuzz advisories

help:  ## print this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-20s %s\n", $$1, $$2}'
	@echo "  VENV=$(VENV) PYTHON=$(PYTHON): the virtual environment, and the Python it is made with"

install: $(RUN)  ## install what training and testing need

demo: $(RUN)  ## train and test MODEL=darnet on sample pairs that are made for it
	@PYTHON="$(PY)" bash tools/demo.sh "$(MODEL)"

# Tests that are not for a GPU take none: they expect what a processor computes.
test test-fast test-floors test-openmmlab: export CUDA_VISIBLE_DEVICES =

test: $(DEV)  ## run all tests but those for a GPU
	@$(PYTEST) -m 'not gpu' $(TESTFLAGS)

check: format-check lint types test-fast  ## what CI checks: format, lint, types, fast tests

format-check: $(DEV)
	@$(PY) -m ruff format --check --quiet . || { echo "the files above are not formatted: make format"; exit 1; }

format: $(DEV)  ## format the code, mend what lint can mend
	@$(PY) -m ruff check --quiet --fix-only . ; $(PY) -m ruff format .

lint: $(DEV)  ## check the style of the code
	@$(PY) -m ruff check --quiet .

types: $(DEV)  ## check the types
	@$(PY) -m mypy --no-error-summary

test-fast: $(DEV)  ## run the fast tests
	@$(PYTEST) -m 'not gpu and not slow' $(TESTFLAGS)

fuzz: $(DEV)  ## feed random files to the readers for a minute (SECONDS=60)
	@$(PY) tools/fuzz.py --seconds $(SECONDS)

advisories: $(DEV)  ## compare the versions with published advisories
	@$(PY) tools/check_advisories.py

test-floors: $(FLOORS)/.mmcd-dev  ## run all tests with the lowest versions allowed
	@$(FLOORS)/bin/python $(TESTS) -m 'not gpu' $(TESTFLAGS)

test-openmmlab: $(OPENMMLAB)/.mmcd-dev  ## run all tests with upstream's mmcv and its family
	@$(OPENMMLAB)/bin/python $(TESTS) -m 'not gpu' $(TESTFLAGS)

clean:  ## remove builds and caches; keeps the environment and work_dirs
	@rm -rf build dist mmcd.egg-info mmcd/.mim .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find mmcd tests tools configs -name __pycache__ -type d -prune -exec rm -rf {} +

$(MADE):
	@"$(PYTHON)" -c 'import sys; v = sys.version_info; sys.exit(v < (3, 10) and "error: mmcd needs Python >= 3.10, and $(PYTHON) is %d.%d; name another: make PYTHON=python3.12" % v[:2])'
	@"$(PYTHON)" -m venv "$(VENV)"
	@touch "$@"

$(RUN): $(MADE) $(NEEDS)
	@echo "$(SAY)"
	@$(INSTALL) --editable '.[onedl]'
	@touch "$(RUN)"

# Holds all of the above, which is then not installed a second time.
$(DEV): $(MADE) $(NEEDS)
	@echo "$(SAY)"
	@$(INSTALL) --editable '.[onedl,geo,onnx,openvino,dev]'
	@touch "$(RUN)" "$(DEV)"

$(FLOORS)/.mmcd-dev: $(NEEDS) tests/floors.py
	@echo "Installing the lowest versions allowed into $(FLOORS): some minutes and about 6 GB, once."
	@"$(PYTHON)" -m venv "$(FLOORS)"
	@"$(PYTHON)" tests/floors.py onedl > "$(FLOORS)/floors.txt"
	@$(FLOORS)/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint "$(FLOORS)/floors.txt" --editable '.[onedl,geo,onnx,openvino,dev]'
	@touch "$@"

# mmcv is compiled against the torch beside it. Not from pip's cache, which would give the one that
# was compiled against another torch.
$(OPENMMLAB)/.mmcd-dev: $(NEEDS) tests/floors.py
	@echo "Compiling mmcv into $(OPENMMLAB): half an hour and about 6 GB, once."
	@"$(PYTHON)" -m venv "$(OPENMMLAB)"
	@"$(PYTHON)" tests/floors.py openmmlab > "$(OPENMMLAB)/floors.txt"
	@$(OPENMMLAB)/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint "$(OPENMMLAB)/floors.txt" setuptools wheel ninja psutil torch torchvision
	@MMCV_WITH_OPS=1 $(OPENMMLAB)/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint "$(OPENMMLAB)/floors.txt" --no-build-isolation --no-cache-dir mmcv
	@$(OPENMMLAB)/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint "$(OPENMMLAB)/floors.txt" --editable '.[openmmlab,geo,onnx,openvino,dev]'
	@touch "$@"
