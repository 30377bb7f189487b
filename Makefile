# The two commands of the README are `make demo` and `make test`. CI runs `make test` and nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

.PHONY: help demo test bench conformance soak lint gen fmt clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-11s %s\n", $$1, $$2 }'

demo: ## Build, start the embedded server, show the same calls and failures from Node, Python and Swift
	@make/demo.sh

test: ## Everything: lint, unit tests, language tests, the scenario suite on five drivers
	@make/test.sh

conformance: ## The suites that others wrote, whole, on five drivers (part of it is in `make test`)
	@make/conformance.sh

soak: ## Ten minutes of random kills, drains, dead paths and names; a stream that is silent for twelve
	@make/soak.sh

bench: ## Every client beside its peers, and many of everything; writes docs/bench.md
	@make/bench.sh

lint: ## Formatting, clippy, generated files, layers
	@make/lint.sh

gen: ## Write the generated files anew
	@cargo xtask gen

fmt: ## Format the Rust code
	@cargo fmt --all

clean: ## Remove what was built (the Swift root in the user's cache stays)
	@cargo clean
	@rm -rf bindings-node/node_modules bindings-node/dist tests/bench/node/node_modules bindings-swift/.build out
