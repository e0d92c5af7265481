# `make help` lists the targets.
.DEFAULT_GOAL := help
.PHONY: help kaggle web repro test test-fast test-faults check format experiments ui serve dashboard bench audit lock
export PATH := $(CURDIR)/.venv/bin:$(PATH)
INSTALLED := .venv/.installed
DEVELOPMENT := .venv/.installed-dev
SOURCES := pipeline hydra_plugins tests benchmarks examples
EXTRAS := data parallel export serve sweep lightgbm install

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F '\t' '{printf "  make %-12s %s\n", $$1, $$2}'

$(INSTALLED): requirements.lock requirements/environment.sh
	@echo "environment: installing requirements.lock into .venv"
	@sh requirements/environment.sh
	@touch $@

$(DEVELOPMENT): requirements.lock requirements/dev.lock requirements/environment.sh
	@echo "environment: installing requirements.lock and requirements/dev.lock into .venv"
	@sh requirements/environment.sh requirements/dev.lock
	@touch $(INSTALLED) $@

repro: $(INSTALLED) ## run the experiment in params.yaml: all stages of dvc.yaml
	@python -m pipeline.doctor --before-dvc --mend --quiet
	@dvc repro

test: check ## check format, lint, types and layer contracts, and run all tests except test-faults
	pytest -q --numprocesses 2 --dist loadfile --no-loadscope-reorder -m "not faults"

test-faults: $(DEVELOPMENT) ## run the fault tests (kills, power cuts, full disks, failing servers); takes hours
	pytest -q -rP -m faults

test-fast: $(DEVELOPMENT) ## run the fast tests, less than a minute in total
	pytest -q --numprocesses 2 --dist loadfile --no-loadscope-reorder -m "not slow"

check: $(DEVELOPMENT) ## check format, lint, types and layer contracts; no tests
	ruff format --check --quiet $(SOURCES)
	ruff check --quiet $(SOURCES)
	mypy
	lint-imports --no-cache
	deptry --no-ansi .
	python -m pipeline.compose --check

format: $(DEVELOPMENT) ## format the code and apply the linter's fixes
	ruff format $(SOURCES)
	ruff check --fix $(SOURCES)

experiments: $(INSTALLED) ## list the experiments of `dvc exp` with their main scores and the settings that differ
	@COLUMNS=$${COLUMNS:-120} dvc exp show --no-pager --only-changed --drop '.*/.*|models$$|Created|(data|evaluate|export|tracking)\..*|task$$' --keep '(Experiment|test|low|high|val|baseline)$$'

ui: $(INSTALLED) ## browse the recorded runs
	@echo "open one of these once the server runs; Model training, chosen at the top left, is remembered:"
	@python -m pipeline.runs --uri "sqlite:///$(CURDIR)/mlflow.db" addresses
	@MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false mlflow ui --host 127.0.0.1 --port 5000 --workers 1 --backend-store-uri "sqlite:///$(CURDIR)/mlflow.db"

serve: $(INSTALLED) ## serve the export on http://127.0.0.1:8000; MODEL=models:/NAME@champion serves the champion
	@python -m pipeline.serve $(if $(MODEL),--model "$(MODEL)") $(if $(PORT),--port $(PORT))

dashboard: $(INSTALLED) ## browse the sweeps on http://127.0.0.1:8080
	optuna-dashboard --host 127.0.0.1 --port 8080 "sqlite:///$(CURDIR)/optuna.db"

bench: $(DEVELOPMENT) ## run the benchmarks and write docs/performance.md
	python -m benchmarks

web: web/node_modules/.package-lock.json ## download onnxruntime for browsers, for export.formats=[web]; requires npm

web/node_modules/.package-lock.json: web/package-lock.json
	@command -v npm >/dev/null || { echo "error: npm was not found; it is part of Node.js (on Debian and Ubuntu: apt install npm)" >&2; exit 1; }
	npm ci --ignore-scripts --no-audit --no-fund --prefix web
	@touch $@

kaggle: $(INSTALLED) ## install Kaggle's client, which downloads competition files
	uv pip install --require-hashes --quiet -r requirements/kaggle.lock
	@echo "next: kaggle auth login (in .venv/bin), and accept the rules on the competition's page"

audit: $(DEVELOPMENT) ## check for known vulnerabilities in the locked packages
	pip-audit --strict --require-hashes --disable-pip -r requirements.lock -r requirements/dev.lock

COMPILE := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --quiet \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links

lock: $(DEVELOPMENT) ## update requirements.lock and requirements/ to the newest versions that pyproject.toml allows
	$(COMPILE) --upgrade $(EXTRAS:%=--extra %) --output-file requirements.lock
	$(COMPILE) --upgrade --extra dev --constraint requirements.lock --output-file requirements/dev.lock
	$(COMPILE) --upgrade --extra kaggle --constraint requirements.lock --output-file requirements/kaggle.lock
	$(subst pyproject.toml,requirements/serve.in,$(COMPILE)) --upgrade --constraint requirements.lock --output-file requirements/serve.lock
	$(COMPILE) --upgrade --extra bench --constraint requirements.lock --output-file requirements/bench.lock
