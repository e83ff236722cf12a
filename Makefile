# Perennial: `make demo` shows it, `make test` checks it. Python 3.11, 3.12 or 3.13 is all that must be there.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory

# The first of these that is a Python the project runs on; `make PYTHON=... demo` chooses another.
PYTHON ?= $(firstword $(foreach candidate,python3 python3.13 python3.12 python3.11,$(shell \
  $(candidate) -c 'import sys; (3, 11) <= sys.version_info[:2] <= (3, 13) and print("$(candidate)")' 2>/dev/null)) python3)
PORT ?= 4566

VENVS := .perennial/venvs
BIN := $(VENVS)/tools/bin
export PYTHONPATH := local
unexport PYTHONDONTWRITEBYTECODE PYTHONHOME
# `make up RUNTIME=container` runs jobs and servers in the real image; IMAGE=... names another than this checkout's.
export RUNTIME IMAGE ENGINE ENGINE_OPTIONS

.PHONY: help setup demo up down status check fmt test unit loop bench docs pictures lock clean image image-test image-prerequisites

help: ## say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make every environment in .perennial/ from the hashed lock files; again only what changed
	@$(PYTHON) -m stack setup

demo: ## the whole loop on real data: twin, deployment, two trainings, an endpoint renewed under traffic
	@$(PYTHON) -m stack setup tools twin lambda container data
	@exec $(BIN)/python -m demo

up: ## the twin with the stack deployed, in the background; then: source .perennial/env
	@$(PYTHON) -m stack setup tools twin lambda container
	@$(BIN)/python -m stack up --port $(PORT)

down: ## stop what `make up` started
	@$(PYTHON) -m stack down

status: ## say whether the twin of `make up` runs
	@$(PYTHON) -m stack status

check: ## format, lint, types, layering, template: reads everything, changes nothing
	@$(PYTHON) -m stack setup tools test container-test
	@$(BIN)/python -m stack check

fmt: ## format, and mend what the linter can mend
	@$(PYTHON) -m stack setup tools
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format .

test: ## everything: setup, check, and every test; ends with a summary
	@$(PYTHON) -m stack setup
	@$(BIN)/python -m stack test

unit: ## only the fast tests
	@$(PYTHON) -m stack setup tools test
	@$(BIN)/python -m stack test unit

loop: ## only the tests that turn the loop on a twin
	@$(PYTHON) -m stack setup
	@$(BIN)/python -m stack test loop

image: ## build every target of container/Dockerfile with Docker or Podman, and say what each weighs
	@$(PYTHON) -m stack image

image-test: ## build the image's targets and run them: users, rights, sizes, contents; needs Docker or Podman
	@$(PYTHON) -m stack setup tools test image
	@$(PYTHON) -m stack image-test

image-prerequisites: # Podman and debootstrap from Debian's packages, where they are missing
	@$(PYTHON) -m stack image-prerequisites

bench: ## measure what the documentation claims about speed
	@$(PYTHON) -m stack setup
	@$(VENVS)/test/bin/python benchmarks/run.py

docs: ## write docs/configuration.md from the models that read model.yaml
	@$(PYTHON) -m stack setup test
	@PYTHONPATH=layers/core $(VENVS)/test/bin/python docs/configuration_reference.py docs/configuration.md

pictures: ## draw the pictures of rollouts and scaling in docs/images, each from a run on a twin
	@$(PYTHON) -m stack setup
	@mkdir -p docs/images
	@$(VENVS)/test/bin/python docs/pictures/rollouts.py docs/images
	@$(VENVS)/test/bin/python docs/pictures/scaling.py docs/images

lock: ## renew the lock files from requirements/*.in; the only target that looks for newer versions
	@$(PYTHON) -m stack setup tools
	@$(BIN)/python -m stack lock

clean: down ## stop the twin, remove everything that make made
	@rm -rf .perennial .aws-sam
