# The whole contributor interface. The environment is .venv in this folder; every target sets it up first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
EXTRAS := embedded,hf,sam,remote,grabcut,demo,train,ray,stac,dev
export OMP_WAIT_POLICY := PASSIVE

IMAGE ?=
ASK ?= Where could I launch a kayak?
OUT ?= out/demo

.PHONY: setup demo test lint test-slow bench docs clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	$(BIN)/remotereasoner models pull
	touch $(STAMP)

demo: setup
	$(BIN)/python examples/demo.py --out $(OUT) --ask "$(ASK)" $(if $(IMAGE),--image $(IMAGE))

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow and not gpu" \
	  --cov --cov-report=term:skip-covered

test-slow: setup
	$(BIN)/python -m pytest -m "slow and not gpu"

bench: setup
	$(BIN)/python bench/run.py

docs: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	$(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) out build dist site .coverage*
