# Every target sets up by itself what it needs. Plain `make` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONDONTWRITEBYTECODE # else every process that tests start compiles what it imports

.PHONY: help setup demo dev test check bench screenshots lock clean

help:  ## List the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

setup: $(READY)  ## Make the virtual environment from the lock

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "audio-assets needs Python 3.11 or newer")'
	@echo "setting up $(VENV) (1 to 3 minutes the first time)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps --only-binary :all: -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY)  ## Speak, align, lip-sync and mix the example scene with real voices; make the example song's music video
	$(BIN)/audio-assets models fetch kokoro
	$(BIN)/audio-assets ingest data/examples/lighthouse
	$(BIN)/audio-assets film data/examples/songs
	@echo "see and hear it: make dev"

dev: $(READY)  ## Open the Dagster UI with its sensors, and the artifact server
	$(BIN)/audio-assets models fetch kokoro facemesh
	$(BIN)/audio-assets dev

test: check  ## Run the checks and every test; those of faces need a model of 1.5 MB, which is fetched
	$(BIN)/audio-assets models fetch facemesh || echo "tests that look at faces will be skipped"
	$(BIN)/python -m pytest -n auto

check: $(READY)  ## Lint, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)  ## Measure speed, memory and accuracy; ratios within one run
	$(BIN)/audio-assets models fetch kokoro moonshine facemesh
	$(BIN)/python -m tests.bench

screenshots: $(READY)  ## Take the pictures of the UI in docs/ anew; needs Chromium
	$(BIN)/audio-assets models fetch kokoro
	$(BIN)/python docs/take_screenshots.py

lock:  ## Resolve requirements.lock anew (docopt, only for the command of num2words, has no wheel and is left out)
	$(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev --generate-hashes --no-header --no-annotate --no-emit-package docopt pyproject.toml requirements.in -o requirements.lock

clean:  ## Remove the environment and caches (artifacts under data/ stay)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info build
