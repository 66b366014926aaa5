# What one does with this tree. `make help` lists it.

VENV   ?= .venv
PYTHON ?=
PYTEST  = $(VENV)/bin/python -m pytest
LOCK    = --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
          --all-extras --group test --group lint pyproject.toml

# Where it is set, every process compiles all that it imports again: twice the time.
unexport PYTHONDONTWRITEBYTECODE
export DAGSTER_DISABLE_TELEMETRY = yes
# The certificates of the machine, where it has any: a company's proxy may have signed what uv downloads.
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt),)
export UV_SYSTEM_CERTS = true
endif

.DEFAULT_GOAL := help
.PHONY: help setup test test-slow test-all-pythons compatibility lint format lock demo bench wheel clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.installed ## the virtual environment .venv, from requirements.lock (PYTHON=… takes another Python)

$(VENV)/.installed: pyproject.toml requirements.lock
	@.ci/venv $(VENV) $(PYTHON)
	@touch $@

test: setup ## the tests, in a few minutes (ARGS=… goes to pytest)
	$(PYTEST) -n 2 -m "not slow" $(ARGS)

test-slow: setup ## the tests that take long or need much
	$(PYTEST) -n 2 --dist loadfile -m slow $(ARGS)

test-all-pythons: ## `make test` on each Python from 3.11 to 3.13 that is here
	@set -e; for python in $$(.ci/pythons); do \
	    version=$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	    echo "== Python $$version"; \
	    $(MAKE) --no-print-directory test VENV=.venv-$$version PYTHON=$$python; \
	done

compatibility: setup ## docs/compatibility.md again: what each gateway was seen to do on each server
	$(PYTEST) -n 2 --dist loadfile -q $(wildcard datagw_tests/gateways/test_*promise.py datagw_tests/gateways/test_s3_*.py) \
	    --compatibility docs/compatibility.md $(ARGS)

lint: setup ## format, style, types, floors, and whether requirements.lock is current
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/pyright --pythonpath $(VENV)/bin/python
	$(VENV)/bin/lint-imports
	@cp requirements.lock $(VENV)/wanted.lock
	$(VENV)/bin/uv pip compile --quiet $(LOCK) -o $(VENV)/wanted.lock >/dev/null
	@cmp requirements.lock $(VENV)/wanted.lock || { echo "requirements.lock does not fit pyproject.toml: make lock" >&2; exit 1; }

format: setup ## formats the code and mends what can be mended
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

lock: setup ## requirements.lock again, from pyproject.toml (UPGRADE=1 takes the newest of everything)
	$(VENV)/bin/uv pip compile --quiet $(if $(UPGRADE),--upgrade) $(LOCK) -o requirements.lock >/dev/null

demo: setup ## servers, data, the proof, the UI (JOB=mirror: HTTP to SFTP, S3, udata; ONCE=1 ends after the proof; ARGS=…)
ifeq ($(JOB),mirror)
	@.ci/mirror
endif
	$(VENV)/bin/datagw demo $(JOB) $(if $(ONCE),--once) $(ARGS)

bench: setup ## what it costs, measured
	$(VENV)/bin/python -m benchmarks $(ARGS)

wheel: setup ## the wheel, in dist/
	$(VENV)/bin/python -m build --wheel --no-isolation

clean: ## takes away what make has made
	rm -rf .venv .venv-3.* build dist .hypothesis .import_linter_cache .pytest_cache .ruff_cache
