# `make demo` and `make test` need Python 3.11 or newer and nothing else: they make their own virtual environment.
PYTHON ?= python3
VENV ?= .venv
BIN := $(abspath $(VENV))/bin
STAMP := $(VENV)/.installed
SAMPLE ?= sample_models/resnet50.onnx
# Which tests `make test` and `make check` run, as an expression of pytest -m.
MARK ?= not slow
# How many mutants `make mutants` tries; each takes some seconds.
SAMPLED ?= 12
# The folder of the measured kernels that `make truth` scores the times on; they are other people's, and not here.
DATA ?= ../shared/data

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow check format lint types wheel docs site pictures scoreboard bench truth mutants samples real clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "onnx-roofline needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.developed: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(STAMP)  ## analyse a sample model
	$(BIN)/onnx-roofline analyze $(SAMPLE)

test: $(VENV)/.developed  ## run the tests
	$(BIN)/python -m pytest -n 2 -q -m "$(MARK)"

real: $(VENV)/.developed  ## fetch the real models into the cache, and derive models from them
	$(BIN)/python tests/real/fetch.py
	$(BIN)/python tests/real/derived.py

test-slow: real  ## run the slow tests too: real models, world data
	$(MAKE) test MARK="slow or not slow"

check: format lint types wheel site test  ## everything that CI runs

format: $(VENV)/.developed  ## is the code formatted?
	$(BIN)/ruff format --check .

lint: $(VENV)/.developed  ## ruff's rules
	$(BIN)/ruff check .

wheel: $(VENV)/.developed  ## build the wheel and look at what is in it
	rm -rf build/wheel build/lib && $(BIN)/python -m build --wheel --outdir build/wheel . > build.log 2>&1 || { cat build.log; exit 1; }
	@rm -f build.log
	$(BIN)/check-wheel-contents build/wheel

types: wheel  ## mypy --strict on the unzipped wheel, which is what users get
	rm -rf build/types && mkdir -p build/types && $(BIN)/python -m zipfile -e build/wheel/*.whl build/types
	cd build/types && $(BIN)/python -m mypy --config-file ../../pyproject.toml -p onnx_roofline

docs: site  ## the site, strictly: no dead link, and every command prints what its page says
	$(BIN)/python -m pytest -n 2 -q tests/test_docs.py

site: $(VENV)/.developed  ## the site alone, in build/docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html -d build/doctrees docs build/docs

pictures: $(VENV)/.developed  ## take the pictures of the gallery anew (needs Chromium)
	$(BIN)/python tests/browser/gallery.py

truth: $(VENV)/.developed  ## score the times on measured kernels: make truth DATA=folder
	cd tests/truth && $(BIN)/python score.py --data $(abspath $(DATA))

bench: $(VENV)/.developed  ## time and memory against peers, as ratios in one run
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check onnx-tool onnxsim  # optional
	$(BIN)/python tests/bench/bench.py
	$(BIN)/python tests/bench/partition_bench.py

scoreboard: real  ## other ONNX tools on the same real files, as docs/scoreboard.md
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check onnx-tool onnxsim onnx-opcounter  # those that can be had
	$(BIN)/python tests/bench/scoreboard.py

mutants: $(VENV)/.developed  ## how many of a few small changes the tests notice: make mutants SAMPLED=60
	$(BIN)/python tests/mutation/mutate.py --sample $(SAMPLED)

samples: $(STAMP)  ## rebuild sample_models/ (installs PyTorch, transformers and torch_geometric)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r sample_models/requirements.txt
	$(BIN)/python sample_models/export.py

clean:  ## remove what make has made
	rm -rf $(VENV) build docs/generated dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
