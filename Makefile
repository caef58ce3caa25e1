# The environment is .venv; the files .venv/.has-* say which parts of it are in place and are older than nothing that
# decides about them. Everything in it is pinned with hashes in requirements.txt.

BIN := .venv/bin
PINS := pyproject.toml sdk/pyproject.toml requirements.txt
INSTALL := $(BIN)/uv pip install --quiet --python .venv --constraint requirements.txt --build-constraint requirements.txt
BENCHMARKS = $(shell grep -l __main__ benchmarks/*.py)
PEERS := $(patsubst benchmarks/sdk/peers/%.txt,.venv-peers/%/.has-everything,$(wildcard benchmarks/sdk/peers/*.txt))
SOURCES := alerts analyzers benchmarks collector dashboards sdk server store tests

.DEFAULT_GOAL := help
.PHONY: help demo demo-kafka test check format bench bench-sdk fault-matrix bench-collector bench-growth bench-cost dashboards generated pins clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: .venv/.has-demo ## watch three teams' apps, their cost, an alert and a drift finding (options: ARGS="--once --json")
	@$(BIN)/tokentide demo $(ARGS)

demo-kafka: .venv/.has-demo ## the same over a real Apache Kafka, which it starts by itself
	@$(BIN)/tokentide demo --transport kafka $(ARGS)

test: .venv/.has-everything .venv-beside/.made .venv-previous/.made .venv-focus/.made ## every test, those with real Kafka, Chromium and Alertmanager included in two processes (options: ARGS="tests/store", "-n0" for one process)
	@scripts/install-test-programs
	$(BIN)/pytest -n2 --dist=loadfile --durations=10 $(ARGS)

check: .venv/.has-everything ## format, lint, types, import rules, generated files, and what the programs check themselves
	$(BIN)/ruff format --check --quiet $(SOURCES)
	$(BIN)/ruff check --quiet $(SOURCES)
	$(BIN)/mypy
	$(BIN)/mypy --python-version 3.10 --package tokentide
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m dashboards render --check
	$(BIN)/python -m collector.price_book.seed --check
	$(BIN)/python -m collector.price_book.second_opinion --check
	$(BIN)/python -m server.settings_docs --check
	$(BIN)/python -m store.schema --check
	$(BIN)/tokentide check

format: .venv/.has-everything ## format the code and fix what the linter can fix
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

bench: .venv/.has-everything ## measure; each benchmark prints one JSON object
	@for file in $(BENCHMARKS); do echo "== $$file" && $(BIN)/python $$file || exit 1; done

bench-sdk: .venv/.has-everything $(PEERS) ## measure what the hook costs an app, beside other instrumentations (options: ARGS=--quick)
	@$(BIN)/python benchmarks/sdk/far_side.py
	@$(BIN)/python benchmarks/sdk/compare.py $(ARGS)

bench-collector: .venv/.has-everything ## measure the collector with real Kafka: rates, memory, what is missing or doubled (options: ARGS="--events 200000")
	@$(BIN)/python benchmarks/collector/measure.py $(ARGS)

bench-growth: .venv/.has-everything ## measure the collector and the roll-up with 1 and with 50 million stored calls (much disk and time; options: ARGS="--rows 100000 300000")
	@$(BIN)/python benchmarks/collector/growth.py $(ARGS)

bench-cost: .venv/.has-everything ## measure pricing: calls a second, names a second, pricing again, opening the book (options: ARGS="--calls 1000000")
	@$(BIN)/python benchmarks/cost.py $(ARGS)

fault-matrix: .venv/.has-everything ## break everything around the collector and count what is lost, about half an hour (options: ARGS="--quick --only killed")
	@$(BIN)/python benchmarks/faults/matrix.py $(ARGS)

dashboards: .venv/.has-everything ## write Grafana's JSON again from the panel definitions
	$(BIN)/python -m dashboards render

generated: .venv/.has-everything dashboards ## write every generated file again
	$(BIN)/python -m collector.price_book.seed
	$(BIN)/python -m collector.price_book.second_opinion
	$(BIN)/python -m server.settings_docs
	$(BIN)/python -m store.schema

pins: .venv/.has-uv ## take the newest versions that pyproject.toml allows into requirements.txt
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url --no-emit-package tokentide \
	  --no-annotate --no-header --all-extras --group dev pyproject.toml --output-file requirements.txt
	for asked in benchmarks/sdk/peers/*.in tests/environments/*.in; do $(BIN)/uv pip compile --quiet --upgrade --universal \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header $$(sed -n 's/^# uv: //p' $$asked) \
	  $$asked --output-file $${asked%.in}.txt || exit 1; done

clean: ## remove the environment and everything that can be made again
	rm -rf .venv .venv-* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.has-uv: requirements.txt scripts/create-environment
	@scripts/create-environment
	@touch $@

.venv/.has-demo: $(PINS) | .venv/.has-uv
	@echo "Installing the demo into .venv …"
	@$(INSTALL) --editable sdk --editable '.[demo,demo-kafka]'
	@touch $@

.venv/.has-everything: $(PINS) | .venv/.has-uv
	@echo "Installing everything that the tests need into .venv (several GB, because of torch) …"
	@$(INSTALL) --editable sdk --editable '.[demo,demo-kafka,drift]' --group dev
	@touch $@ .venv/.has-demo

.venv-focus/.made: PYTHON_OF_IT = $$(scripts/find-python 3.12)

.venv-%/.made: tests/environments/%.txt | .venv/.has-uv
	@echo "Installing the environment of tests/environments/$*.txt …"
	@$(BIN)/uv venv --quiet --clear --python $(or $(PYTHON_OF_IT),$(BIN)/python) .venv-$*
	@$(BIN)/uv pip install --quiet --python .venv-$* --require-hashes --requirement $<
	@touch $@

.venv-peers/%/.has-everything: benchmarks/sdk/peers/%.txt | .venv/.has-uv
	@echo "Installing $* into an environment of its own …"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-peers/$*
	@$(BIN)/uv pip install --quiet --python .venv-peers/$* --require-hashes --requirement $<
	@touch $@
