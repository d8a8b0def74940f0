# Few commands, the same here and in CI. `make` alone lists them. PYTHON=... chooses the interpreter, ARGS=... is handed on.
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-postgres check lint types conformance bench soak docs lock wheel packages clean
bin := .venv/bin
ready := .venv/.ready
platforms := linux darwin win32

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

setup: $(ready) ## make .venv with the locked dependencies and the three commands

$(ready): requirements/dev.lock pyproject.toml scripts/setup
	@PYTHON="$(PYTHON)" scripts/setup
	@touch $@

demo: $(ready) ## a ban from signature to lifting, in a throw-away folder (ARGS=--exit ends by itself)
	@$(bin)/python examples/claude-code-ban/demo.py $(ARGS)

test: $(ready) ## the tests; says which tiers were left out (ARGS="--tiers=online -k npm" chooses)
	@$(bin)/python -m pytest -q $(ARGS)

test-postgres: $(ready) ## the console's tests with a PostgreSQL server that is made for them
	@scripts/test_postgres $(ARGS)

check: lint types test ## everything that must be clean before a commit

lint: $(ready) ## format, lint rules and import contracts
	$(bin)/ruff format --check .
	$(bin)/ruff check .
	$(bin)/lint-imports --no-logo --cache-dir .cache/imports

types: $(ready) ## mypy --strict for each platform, and of the benchmarks, which run on Linux
	@for p in $(platforms); do echo "mypy --platform $$p"; \
	  $(bin)/mypy --platform $$p --cache-dir .mypy_cache/$$p || exit 1; done
	@echo "mypy benchmarks"; $(bin)/mypy --platform linux --explicit-package-bases --cache-dir .mypy_cache/linux benchmarks

conformance: $(ready) ## the TUF conformance suite with our own client under test (SUITE=folder takes another copy)
	@nice $(bin)/python tests/conformance/run.py $(SUITE) $(ARGS)

bench: $(ready) ## the benchmarks, each prints its figures beside its goal
	@for b in benchmarks/*/run.py; do echo "== $$b"; $(bin)/python $$b $(ARGS) || exit 1; done

soak: $(ready) ## long storms and the whole zoo of real packages (minutes, and a network)
	$(bin)/python -m pytest -q -m "slow or online" $(ARGS)

docs: $(ready) ## checks that the documents name every command, setting, source and action, and that links lead somewhere
	$(bin)/python -m pytest -q tests/architecture -k docs

lock: $(ready) ## write requirements/*.lock anew (ARGS=--upgrade takes newer versions)
	scripts/lock $(ARGS)

wheel: $(ready) ## build the wheel into dist/
	$(bin)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

packages: $(ready) ## build what can be built on this system into dist/: frozen agent, deb, rpm, wheel (ARGS=deb chooses)
	@$(bin)/python packaging/build $(ARGS)

clean: ## remove .venv, caches and what was built
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist demo
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
