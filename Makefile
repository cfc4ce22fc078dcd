# `make run` and `make test` need nothing done before: they set up .venv themselves.
# Recipes stay short; what is longer is in scripts/.

PORT ?= 8383
ADMIN_PORT ?= 9464
PYTEST ?= .venv/bin/pytest
# Compiled modules are kept, whatever the machine is set to: else every process of every lane compiles them anew.
export PYTHONDONTWRITEBYTECODE :=
# The heading of a lane, so that a log can be skimmed.
lane = @printf '\n=== %s\n' '$(1)'

.DEFAULT_GOAL := help
.PHONY: help setup run test lint unit integration kubernetes chart rules agents e2e kind fuzz reliability chaos bench bench-translation bench-routing bench-metrics bench-operator bench-pods bench-tuning bench-regression bench-rollout crds dashboards manifests pictures translation-docs metrics-docs lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "make %-15s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: ## make .venv (done by the others as needed)
	@scripts/setup.sh

run: setup ## start a router with a small model on this machine, send it turns, show the report (PORT=8383)
	@.venv/bin/python scripts/demo.py --port $(PORT) --admin-port $(ADMIN_PORT)

test: ## lint, unit, integration, chart, rules and Kubernetes tests; stops at the first that fails
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory integration
	@$(MAKE) --no-print-directory chart
	@$(MAKE) --no-print-directory rules
	@$(MAKE) --no-print-directory kubernetes
	$(call lane,all passed)

lint: setup ## ruff, mypy --strict, import contracts
	$(call lane,lint: ruff check)
	@.venv/bin/ruff check
	$(call lane,lint: ruff format)
	@.venv/bin/ruff format --check
	$(call lane,lint: mypy)
	@.venv/bin/mypy core prices telemetry sidecar operator evaluation cli dashboards
	$(call lane,lint: import contracts)
	@.venv/bin/lint-imports

unit: setup ## tests of values and functions
	$(call lane,unit tests)
	@$(PYTEST) -n 2 tests/unit tests/provider

integration: setup ## tests with real processes, sockets and the embedded model
	$(call lane,integration tests)
	@scripts/chromium.sh >/dev/null || test $$? = 3
	@scripts/prometheus.sh >/dev/null || test $$? = 3
	@$(PYTEST) -n 2 tests/integration --ignore=tests/integration/sidecar/test_reliability.py
	@$(PYTEST) tests/chaos bench
	@# These wait more than they work.
	@$(PYTEST) -n 5 tests/observability tests/integration/sidecar/test_reliability.py

kubernetes: setup ## tests against a real Kubernetes API server, which is built once (about 5 minutes)
	$(call lane,Kubernetes tests)
	@PYTHONPATH=tests .venv/bin/python -m control_plane
	@scripts/prometheus.sh >/dev/null || test $$? = 3
	@$(PYTEST) -n 2 tests/kubernetes

chart: setup ## tests of the Helm chart, by Helm from PATH or built once (about 2 minutes)
	$(call lane,chart tests)
	@scripts/helm.sh >/dev/null || test $$? = 3
	@scripts/prometheus.sh >/dev/null || test $$? = 3
	@$(PYTEST) -n 2 tests/chart

rules: setup ## tests of Prometheus rules and alerts, by promtool from PATH or from Debian's packages
	$(call lane,Prometheus rules)
	@scripts/prometheus.sh >/dev/null || test $$? = 3
	@$(PYTEST) -n 2 tests/rules

agents: setup ## Claude Code, Codex and OpenCode against providers of other dialects (npm installs them, 1 GB, once)
	$(call lane,agents)
	@$(PYTEST) -s -rs tests/agents

e2e: setup ## end-to-end tests with real pods, on the kind-* cluster of the current context
	$(call lane,end-to-end tests)
	@scripts/e2e.sh

kind: ## a cluster for `make e2e`, where Docker can pull images
	kind create cluster --config tests/e2e/kind.yaml

reliability: setup ## sixteen ways to fail x three dialects, and the table of docs/reliability.md from them (two minutes)
	$(call lane,reliability)
	@$(PYTEST) -n 4 tests/integration/sidecar/test_reliability.py --junitxml=.reliability.xml
	@.venv/bin/python scripts/reliability_table.py .reliability.xml

fuzz: setup ## translation: its properties with many more examples, and guided fuzzing (FUZZ_FACTOR=30, FUZZ_SECONDS=120)
	$(call lane,properties of translation)
	@FUZZ_FACTOR=$${FUZZ_FACTOR:-30} $(PYTEST) -n 2 tests/unit/wire/test_translated_requests.py tests/unit/wire/test_translated_streams.py
	@scripts/fuzz.sh

chaos: setup ## everything goes wrong at random, and what must hold is checked (CHAOS_TURNS=5000, CHAOS_MINUTES, CHAOS_SEED=1)
	@PYTHONPATH=tests .venv/bin/python -m chaos

bench: setup ## what routing a turn costs in time
	@.venv/bin/python -m bench

bench-translation: setup ## what translating a turn costs, against passing it through (two minutes)
	@.venv/bin/python -m bench.translation

bench-routing: setup ## what reading a task out of a turn and deciding on it costs (half a minute)
	@.venv/bin/python -m bench.routing

bench-metrics: setup ## what /metrics, a turn's counts and its line in the log cost (some seconds)
	@.venv/bin/python -m bench.metrics

bench-operator: setup ## what the operator costs, on a real API server (about ten minutes)
	@PYTHONPATH=tests .venv/bin/python -m bench.cluster

bench-pods: setup ## what injection costs and how fast a change reaches pods, on the cluster of `make e2e` (ten minutes)
	@PYTHONPATH=tests .venv/bin/python -m bench.pods

bench-regression: setup ## how often regression runs decide wrongly, and how soon rightly, where the truth is known
	@.venv/bin/python -m bench.regression

bench-rollout: setup ## how often canaries are judged wrongly, and how soon rightly (some minutes)
	@.venv/bin/python -m bench.rollout --worse 300 --processes 2 --plot docs/rollout.svg

bench-tuning: setup ## what tuning holds and saves where the truth is known (five minutes)
	@PYTHONPATH=tests .venv/bin/python -m bench.tuning

crds: setup ## crds/*.yaml and docs/crds.md from the declarations in core
	@.venv/bin/python scripts/crds.py

translation-docs: setup ## the tables of docs/translation.md from what the code does
	@.venv/bin/python scripts/translation_table.py

metrics-docs: setup ## the tables of docs/metrics.md from the declarations in core
	@.venv/bin/python scripts/metrics_tables.py

dashboards: setup ## Grafana's files in the chart, from the code in dashboards
	@.venv/bin/python -m tierrouter_dashboards

pictures: setup ## docs/images: the page and `tierrouter top` before a real sidecar (needs Chromium; two minutes)
	@PYTHONPATH=tests:tests/integration .venv/bin/python tests/integration/pictures.py

manifests: setup ## manifests/*.yaml from the chart
	@.venv/bin/python scripts/manifests.py

lock: setup ## newest versions into requirements.lock
	@scripts/lock.sh

clean: ## remove .venv and caches
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist
