# `make` lists what there is. Every target installs what it needs and says what and how long.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

export CARGO_TARGET_DIR ?= $(CURDIR)/target
TARGET := $(CARGO_TARGET_DIR)
SITE := $(TARGET)/site
TOOLS := $(TARGET)/tools
export PATH := $(TOOLS)/bin:$(CURDIR)/end2end/node_modules/.bin:$(PATH)
BINDGEN_VERSION := $(shell sed -n '/^name = "wasm-bindgen"$$/{n;s/version = "\(.*\)"/\1/p}' Cargo.lock)

# `$(call timed,what,command)`: says what is done and how long it took.
define timed
	@started=$$(date +%s); echo "── $(1)"; $(2); echo "── $(1): $$(( $$(date +%s) - started )) s"
endef

BEGAN := $(shell date +%s)

.PHONY: help demo test real site server tools installed clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 10

# Program and bundle have folders of their own and are built side by side: each has long stretches of one crate alone.
demo: tools ## builds everything and starts the demo world on http://127.0.0.1:3000
	@$(MAKE) --no-print-directory --jobs=2 server site
	@echo "── all of it: $$(( $$(date +%s) - $(BEGAN) )) s"
	@echo "── starting (stop it with Ctrl-C)"
	@exec $(TARGET)/debug/yardmaster demo $(DEMO)

server: tools ## builds the program with its demo world
	$(call timed,build the program,cargo build --locked --package server --features demo)

site: tools ## builds what the browser loads
	$(call timed,build the browser bundle,end2end/site.sh "$(TARGET)" "$(SITE)")

tools:
	$(call timed,look for tools,end2end/tools.sh "$(TOOLS)" "$(BINDGEN_VERSION)")

test: ## runs the tests: lints, both databases, simulator against botocore, browser, real endpoints
	@end2end/test.sh

real: installed server site ## runs the program against endpoints that nobody here wrote
	$(call timed,real endpoints,end2end/real/run.sh "$(TARGET)")

installed:
	$(call timed,install what the tests need,end2end/install.sh "$(TOOLS)")

clean: ## removes what was built
	cargo clean
