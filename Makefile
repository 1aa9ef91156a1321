# The commands of the house. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

# A run from a clean clone builds once: what would speed up a second build is 11 GB on the disk.
ifdef CI
export CARGO_INCREMENTAL := 0
endif

UI := src/ui
UI_SOURCES := $(shell find $(UI) -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)

.PHONY: help
help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | column -t -s "$$(printf '\t')"

$(UI)/node_modules/.package-lock.json: $(UI)/package.json $(UI)/package-lock.json
	cd $(UI) && npm ci --no-fund --no-audit
	touch $@

$(UI)/dist/index.html: $(UI)/node_modules/.package-lock.json $(UI_SOURCES)
	cd $(UI) && npm run --silent build

.PHONY: ui
ui: $(UI)/dist/index.html ## Build the browser app

.PHONY: build
build: ui ## Build the program with the browser app in it
	cargo build --release --locked

.PHONY: demo
demo: ui ## Watch a contact centre at work: inbound waves, a gate that opens and closes, calls in the lulls
	cargo build --locked -p lull -p lull-loadtest --bin lull --bin lull-world
	target/debug/lull-world

.PHONY: test
test: ui ## Everything that must hold, from unit to browser
	packaging/test-packages
	cd $(UI) && npm test --silent
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo build --workspace --locked
	cargo test --workspace --locked
	packaging/with-postgres cargo test --workspace --locked --lib store::
	packaging/with-postgres cargo test --workspace --locked --test it -- calls:: crashes:: commands:: databases:: gateways:: journey:: landing:: messages:: orders:: outreach:: promises:: webhooks::

.PHONY: load
load: ui ## Measure speed and memory against controls in the same run
	packaging/load-packages
	cargo build --release --locked -p lull -p lull-loadtest
	target/release/lull-load

.PHONY: load-lists
load-lists: ui ## Measure imports, and the store under them, on SQLite and on PostgreSQL
	packaging/test-packages
	cargo build --release --locked -p lull -p lull-loadtest
	target/release/lull-lists
	LULL_TEST_POSTGRES_FSYNC=on packaging/with-postgres target/release/lull-lists

.PHONY: pacing
pacing: ui ## Simulate the days of loadtest/pacing under every policy, side by side
	cargo build --release --locked -p lull
	for day in loadtest/pacing/*.toml; do \
	  printf '\n%s\n' "$$day"; \
	  if grep -q '"../../../shared/data/' "$$day" && ! [ -d ../shared/data ]; then \
	    echo 'SKIPPED: it wants recorded data that is not there'; continue; \
	  fi; \
	  target/release/lull simulate "$$day" --compare progressive,ratio,adaptive,predictive; \
	done

.PHONY: faults
faults: ui ## Live through 2,000 days on which things go wrong, and hold the invariants after every event
	cargo build --release --locked -p lull
	target/release/lull simulate --faults --seeds 0..2000

.PHONY: mutants
mutants: ## Plant bugs in a copy of the engine, one at a time, and see whether the days of `make faults` find them
	cargo run --locked -p lull-mutants -- --unit-tests

.PHONY: clean
clean: ## Remove what was built and what the demo left
	cargo clean
	rm -rf $(UI)/node_modules $(UI)/dist demo
