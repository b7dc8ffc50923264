# Two commands do everything on a fresh machine with Python 3.11 or newer: `make repro` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: repro test test-all lint verify install clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

# Real data where it can be had (cache, MNER_MIRROR, network), else the embedded controls; says which and why.
# PROFILE=full (or any other) skips the choice.
repro: install
	mner profile $(or $(PROFILE),auto)
	dvc repro
	mner show

test: install
	OMP_NUM_THREADS=1 pytest -q -n auto

test-all: install
	OMP_NUM_THREADS=1 pytest -q -n auto -m ''

lint: install
	ruff check .
	ruff format --check .

verify: install
	mner verify

clean:
	rm -rf data features graphs runs results reports/rendered .locks .checkpoints
