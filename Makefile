# The one surface for whoever works on Sluice; `make help` lists it.
# Needed beforehand: Python 3.11 to 3.13, git, make; Java 17 and Maven for whatever runs a Kafka broker; Go for `helm`.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

UV_VERSION := 0.13.8
HELM_VERSION := v3.22.0
# A helm built from source takes its cluster for an ancient one unless told.
KUBE_VERSION := 1.30.0

export UV_PROJECT_ENVIRONMENT := .venv
unexport VIRTUAL_ENV
# ONNX Runtime's own builds report each session to their maker unless told before start.
export ORT_DISABLE_TELEMETRY := 1
BIN := .venv/bin
SYNCED := .venv/.synced
OWN_UV := .sluice/uv/bin/uv
HELM := $(or $(shell helm version --short 2>/dev/null | grep -q '^v3\.' && command -v helm),.sluice/bin/helm)

# faiss and onnxruntime exist once for CPU and once for GPU under the same module name: only one may be installed.
GPU_SET := --extra gpu --no-install-package faiss-cpu --no-install-package onnxruntime
SYNC_SET = $(if $(or $(GPU),$(wildcard .venv/.gpu)),$(GPU_SET))

# What `make test` runs, and anything else to tell pytest: make test PYTEST='-k masking'
MARK := not integration and not fault and not bench and not gpu
PYTEST :=

# How long `make soak` lasts, and what to draw its faults from (one by chance where none is given).
MINUTES := 10
SEED :=

say = @echo "== $(1)"

.PHONY: help setup setup-gpu demo fmt lint types arch schemas test integration fault soak bench helm check clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

setup: $(SYNCED) ## the locked environment in .venv; installs uv where it is missing
	@echo "ready: 'make demo' shows Sluice at work, 'make check' runs what must hold"

setup-gpu: ## the same with CUDA libraries (about 7 GB); back again: make clean setup
	@$(MAKE) --always-make $(SYNCED) GPU=1
	@touch .venv/.gpu
	@echo "ready: use 'uv run --no-sync', since a plain 'uv run' would put the CPU packages back"

$(SYNCED): uv.lock pyproject.toml
	$(call say,setup: environment from uv.lock)
	@if uv --version >/dev/null 2>&1; then uv=uv; else $(MAKE) $(OWN_UV); uv=$(OWN_UV); fi; \
	if ! $$uv python find --quiet >/dev/null 2>&1; then \
	  echo "setup: needs Python 3.11, 3.12 or 3.13 and found none; install one (or: $$uv python install 3.12)" >&2; \
	  exit 1; \
	fi; \
	$$uv sync --frozen --quiet $(SYNC_SET)
	@touch $@

# In an environment of its own: Debian and Ubuntu refuse installs into the system's Python.
$(OWN_UV):
	$(call say,setup: uv $(UV_VERSION))
	@python3 -m venv --clear .sluice/uv >/dev/null 2>&1 || { \
	  echo "setup: 'python3 -m venv' does not work; install Python 3.11 or later with its venv module" \
	    "(Debian, Ubuntu: apt-get install python3 python3-venv) or uv itself" >&2; exit 1; }
	@.sluice/uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

demo: $(SYNCED) ## a local broker, a worker and replayed tickets, with a scored report
	$(call say,demo)
	@$(BIN)/sluice demo

fmt: $(SYNCED) ## format, and fix what can be fixed
	$(call say,fmt)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lint: $(SYNCED) ## ruff: rules and format
	$(call say,lint)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(SYNCED) ## mypy, strict
	$(call say,types)
	@$(BIN)/mypy

arch: $(SYNCED) ## the layers and who may import what (.importlinter)
	$(call say,arch)
	@$(BIN)/lint-imports

schemas: $(SYNCED) ## published JSON Schema and AsyncAPI agree with the contracts
	$(call say,schemas)
	@$(BIN)/python -m schemas.export --check

test: $(SYNCED) ## unit, property, contract and delivery tests: seconds to minutes, no broker
	$(call say,test: $(MARK))
	@$(BIN)/pytest -m "$(MARK)" $(PYTEST)

integration: $(SYNCED) ## against a real Kafka broker
	$(call say,integration)
	@$(BIN)/pytest -m integration $(PYTEST)

fault: $(SYNCED) ## kills workers and brokers under load; 20 minutes (SLUICE_TEST_FAULTS=short: 8)
	$(call say,fault)
	@$(BIN)/pytest -m fault tests/fault $(PYTEST)

soak: $(SYNCED) ## load with random faults for MINUTES=10 from a printed SEED, checked ticket by ticket
	$(call say,soak)
	@$(BIN)/python -m tests.fault.soak --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

bench: $(SYNCED) ## measures; prints ratios
	$(call say,bench)
	@$(BIN)/pytest -m bench -s $(PYTEST)

helm: $(HELM) ## lint and render the chart with every file of helm/ci
	$(call say,helm)
	@for values in helm/ci/*.yaml; do \
	  $(HELM) lint --strict --quiet --kube-version $(KUBE_VERSION) helm --values "$$values"; \
	  $(HELM) template --kube-version $(KUBE_VERSION) sluice helm --values "$$values" >/dev/null; \
	  echo "helm: $$values lints and renders"; \
	done

.sluice/bin/helm:
	$(call say,helm: building helm $(HELM_VERSION) once; takes a few minutes)
	@command -v go >/dev/null || { echo "helm: needs helm 3 on the PATH, or Go to build it" >&2; exit 1; }
	@GOBIN=$(CURDIR)/.sluice/bin go install helm.sh/helm/v3/cmd/helm@$(HELM_VERSION)

check: lint types arch schemas helm test integration ## everything that must hold before a change lands

clean: ## remove whatever these targets made; stop a local broker first
	@rm -rf .venv .sluice out dist .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
