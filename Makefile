# The two commands: `make demo` and `make test`. Each does all of its own set-up.
PYTHON ?= python3
VENV := .venv
PIP := $(VENV)/bin/pip --disable-pip-version-check --quiet
SOURCES := pyproject.toml constraints.txt $(wildcard *.py) \
	$(shell find checkpoints cli graph nodes tools -name '*.py' -o -name '*.j2')
# Strict: type checkers can follow it; it has to be renewed when a file is added.
EDITABLE := --config-settings editable_mode=strict
TORCH := torch==2.13.0

.PHONY: demo test install lint types layers docs check clean picture

demo: $(VENV)/core.stamp  ## watch it repair a small project with two faults
	@sh examples/demo.sh

install: $(VENV)/full.stamp  ## everything: search by meaning, other providers, PostgreSQL

test: $(VENV)/full.stamp  ## the whole test suite
	$(VENV)/bin/python -m pytest -q -n 2

check: lint types layers docs  ## what CI checks besides the tests

lint: $(VENV)/full.stamp
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(VENV)/full.stamp
	$(VENV)/bin/mypy

layers: $(VENV)/full.stamp
	$(VENV)/bin/lint-imports

docs: $(VENV)/full.stamp  ## generated documentation is current
	$(VENV)/bin/python docs/generate.py --check

picture: $(VENV)/core.stamp  ## draw the README's picture anew
	$(VENV)/bin/python docs/make_picture.py --out docs/demo.svg -- sh examples/demo.sh

$(VENV)/bin/pip:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "greenloop needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/core.stamp: $(SOURCES) | $(VENV)/bin/pip
	$(PIP) install -c constraints.txt $(EDITABLE) -e .
	@touch $@

$(VENV)/full.stamp: $(SOURCES) | $(VENV)/bin/pip
	$(PIP) install $(TORCH)
	$(PIP) install -c constraints.txt $(EDITABLE) -e '.[semantic,providers,postgres,encryption,dev]'
	@touch $@ $(VENV)/core.stamp

clean:
	rm -rf $(VENV) build dist *.egg-info scratch
