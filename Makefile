# A newcomer needs two of these: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUN ?= runs/demo
SOURCES := segjax experiments configs tests

.PHONY: demo test test-fast chaos lint format clean
.DELETE_ON_ERROR:

$(VENV)/.installed: requirements.txt setup.cfg
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[test,torch]'
	@touch $@

demo: $(VENV)/.installed ## environment, synthetic data, training, evaluation, pictures
	$(BIN)/python -m experiments.prepare --dataset=shapes --data_dir=data
	$(BIN)/python -m experiments.train --config=configs/shapes.py --workdir=$(RUN)
	$(BIN)/python -m experiments.predict --workdir=$(RUN) --output=$(RUN)/pictures --split=test --limit=8
	$(BIN)/python -m experiments.evaluate --workdir=$(RUN) --split=test

test: lint ## everything that CI runs
	$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile

test-fast: lint ## without the full-size networks
	$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile -m 'not heavy'

chaos: $(VENV)/.installed-test ## 20 kills, full disks, flipped bits (CHAOS_KILLS, CHAOS_SEED)
	CHAOS_KILLS=$${CHAOS_KILLS:-20} $(BIN)/python -m pytest tests/chaos --numprocesses=2 --dist=loadfile -rP

lint: $(VENV)/.installed-test
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/pyink --check --quiet $(SOURCES)

format: $(VENV)/.installed-test
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/pyink --quiet $(SOURCES)

clean:
	rm -rf $(VENV) build *.egg-info
