# TOOLCHAIN=rustup|debian|auto: who compiles Rust to WebAssembly (see tools/toolchain).
export LATCHKEY_TOOLCHAIN := $(or $(TOOLCHAIN),$(LATCHKEY_TOOLCHAIN),auto)

.DEFAULT_GOAL := help
.PHONY: help dev test fuzz api-fuzz test-host test-examples test-packages test-workerd test-browser screenshots bench scale lint build reset deploy-check setup clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile
	@echo "  TOOLCHAIN=rustup|debian forces who compiles to WebAssembly; the default finds out"

dev: ## build, start Latchkey and the examples, rebuild at every change
	@tools/build-packages
	@tools/run node tools/dev.mjs

test: ## everything: lint, host, fuzz (10 s each), example, package, workerd and browser tests
	@tools/test lint host fuzz build examples packages workerd browser

test-host: ## the tests that need no runtime (cargo test)
	@tools/test host

FUZZ_SECONDS ?= 60
fuzz: ## the fuzz targets for FUZZ_SECONDS (60) each; TARGETS="form query" chooses
	@tools/fuzz $(FUZZ_SECONDS) $(TARGETS)

test-examples: ## the tests of the example Workers' logic
	@tools/test examples

test-packages: ## the tests of the npm packages, and of the examples that are built with them
	@tools/test packages

test-workerd: ## the tests in Cloudflare's runtime
	@tools/test workerd

test-browser: ## the tests in Chromium
	@tools/test browser

screenshots: ## the pictures in docs/, as the browser tests take them
	@tools/build --release && LATCHKEY_CHROMIUM=$$(tools/install-chromium) LATCHKEY_PICTURES=docs tools/run node --test \
	  --experimental-test-isolation=none --test-name-pattern='^picture' tests/browser/gallery.test.mjs

bench: ## beside workers-oauth-provider and the least a Worker can do; writes docs/benchmark.md (QUICK=1: only prints)
	@tools/build --release && tools/run node bench/run.mjs $(if $(QUICK),--quick)

API_EXAMPLES ?= 50
api-fuzz: ## the JSON APIs as schemathesis tries them: API_EXAMPLES (50) cases of each operation, besides those at the limits
	@tools/build --release && LATCHKEY_API_FUZZ=$(API_EXAMPLES) tools/run node --test --test-reporter=spec tests/workerd/api_fuzz.test.mjs

scale: ## races, crashes, people with very many apps, organizations of very many, registrations, revocations and the console over very much: test-workerd in large numbers
	@tools/build --release && LATCHKEY_RACES=1000 LATCHKEY_CRASHES=20 LATCHKEY_CONSENTS=1000000 \
	  LATCHKEY_AUDIT_ROWS=1000000 LATCHKEY_APPS=10000 LATCHKEY_USERS=1000000 LATCHKEY_PEOPLE=100000 \
	  LATCHKEY_REGISTRATIONS=1000 LATCHKEY_UNUSED=100000 LATCHKEY_REVOCATIONS=1000 \
	  tools/run node --test --test-concurrency=1 --test-reporter=spec $(addprefix tests/workerd/,$(addsuffix .test.mjs,\
	  races crash people_at_scale organizations_at_scale console_at_scale registration registration_at_scale \
	  revocation_feed_at_scale))

lint: ## format, clippy, and that the pure part stays pure
	@tools/test lint

build: ## the release build of the Worker, in build/
	@tools/build --release

reset: ## forget the local databases and the demo platform
	rm -rf .local/state .local/demo.json .wrangler

deploy-check: ## what `wrangler deploy` would upload, and its size
	@tools/deploy-check

setup: ## only the set-up, which every other command does by itself
	@tools/setup

clean: ## forget everything built; the tools in .tools/ and node_modules/ stay
	rm -rf build target .local .wrangler
