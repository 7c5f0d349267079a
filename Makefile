# The ways to use this checkout. Every target sets up what it needs by itself, in .venv, and reuses it next time.
# PYTHON=python3.11 picks another Python; TORCH="torch==2.13.0" gives pip other words for PyTorch (a file works too).

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-system lint train-mini calibrate-mini ablate-mini bench bench-train bench-decode bench-node \
    bench-evaluate bench-gpu soak clean distclean

export PYTHON TORCH
MINUTES ?= 20
run := NOVIC_ROOT='$(CURDIR)' && . tools/env.sh &&

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

setup: ## create .venv with everything in it (5 minutes the first time, 1 second after)
	@tools/setup.sh dev

demo: ## label the demo pictures with the embedded model, into demo/
	@tools/setup.sh demo
	@$(run) novic demo --output demo

test: ## run all tests; PYTEST_ARGS="-k trie -x" is passed on to pytest
	@tools/setup.sh dev
	@$(run) python -m pytest $(PYTEST_ARGS)

test-system: ## run the tests that start real nodes over real DDS (part of test)
	@tools/setup.sh dev
	@$(run) python -m pytest test/system $(PYTEST_ARGS)

lint: ## check style with ruff, and the shell scripts' syntax
	@tools/setup.sh dev
	@$(run) ruff check .
	@for script in tools/*.sh .ci/run; do bash -n "$$script" || exit 1; done

train-mini: ## train and calibrate the embedded model again, into models/novic_mini
	@tools/setup.sh train
	@$(run) python -m novic_ros.training.mini --output models/novic_mini
	@$(MAKE) --no-print-directory calibrate-mini

calibrate-mini: ## calibrate the scores of models/novic_mini again (1 minute)
	@tools/setup.sh train
	@$(run) python -m novic_ros.training.mini.hypernyms models/novic_mini
	@$(run) python -m novic_ros.training.mini.stamps build/stamps
	@$(run) novic calibrate models/novic_mini --photos build/stamps/white --photos build/stamps/photo --views 2 \
	    --threshold 0.62 --note "cut-out photos of Debian's tuxpaint-stamps-default, on white and on blurred demo photos"

ablate-mini: ## what each choice about the embedded model is worth, after train-mini (an hour and more)
	@tools/setup.sh train
	@$(run) python -m novic_ros.training.mini.stamps build/stamps
	@$(run) python tools/ablate_mini.py --photos stamps build/stamps/white build/stamps/photo

bench: ## run every script in benchmarks/
	@tools/setup.sh dev
	@$(run) for script in $(sort $(wildcard benchmarks/*.py)); do \
	    echo "== $$script"; python "$$script" || exit 1; done

bench-train: ## time the trainer beside a plain PyTorch loop
	@tools/setup.sh dev
	@$(run) python benchmarks/train.py

bench-decode: ## time the object decoder beside plain dense beam search
	@tools/setup.sh dev
	@$(run) python benchmarks/decode.py

bench-node: ## time the node from frame to message, and under ten times more frames than it can label
	@tools/setup.sh dev
	@$(run) python benchmarks/node.py

bench-evaluate: ## time reading bags, and what the evaluator costs beside the model
	@tools/setup.sh dev
	@$(run) python benchmarks/evaluate.py

soak: ## run the node with faults injected; MINUTES=20 sets how long; writes into benchmarks/results
	@tools/setup.sh dev
	@$(run) python benchmarks/soak.py --minutes $(MINUTES)

bench-gpu: ## the same on an NVIDIA GPU, with and without CUDA graphs
	@tools/setup.sh dev
	@$(run) python benchmarks/decode_gpu.py

clean: ## remove caches and what demo, builds and tests made
	rm -rf demo build install log dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find novic_ros test benchmarks launch tools -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

distclean: clean ## clean, and remove .venv too
	rm -rf .venv
