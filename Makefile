# The ways into this tree. `make help` lists them.

# A machine's own Go settings must not change what is built or tested, and Go needs a home for its caches. Without the
# tree's own path in them, binaries are the same wherever it lies, and what was compiled for one clone serves the next.
export GOFLAGS := -trimpath
export HOME ?= $(shell getent passwd "$$(id -u)" | cut -d: -f6)
export PATH := $(PATH):/usr/local/go/bin:/usr/local/sbin:/usr/sbin:/sbin

SHELL := bash
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/keyward
LINT := $(CACHE)/bin/golangci-lint-2.15.0
# Without a repository around it, Go cannot stamp the commit into the binary.
BUILD := CGO_ENABLED=0 go build -buildvcs=$(shell git rev-parse HEAD >/dev/null 2>&1 && echo true || echo false)
PHASE := @scripts/phase

.DEFAULT_GOAL := help
.PHONY: help web build demo setup format vet lint unit console e2e test bench bench-console clean

help: ## say what there is
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/make \1  - \2/p' Makefile

web: ## build the console into web/dist
	@scripts/console

build: web ## build the one binary with the console in it, bin/keyward
	@echo "building bin/keyward (some minutes the first time)"
	@$(BUILD) -ldflags '-s -w' -o bin/keyward ./cmd/keyward

demo: build ## build it and run the demo: two authorization servers, four APIs, calls to paste
	@exec bin/keyward demo

setup: ## install what the tests need, big downloads into the cache folder
	@scripts/setup

format: ## every Go file as gofmt writes it
	$(PHASE) gofmt scripts/gofmt-check

vet: ## go vet
	$(PHASE) "go vet" go vet ./...

lint: setup ## golangci-lint, with the settings in .golangci.yml
	$(PHASE) golangci-lint $(LINT) run ./...

unit: setup ## every room's own tests, with the race detector
	$(PHASE) "tests of the rooms" scripts/unit

console: setup ## the console in a real browser against the built binary
	$(PHASE) "the console" scripts/console-test

e2e: setup ## the built binary against real servers
	$(PHASE) "end-to-end tests" go test -timeout 25m ./test

test: ## everything: set-up, format, lint (vet in it), tests of the rooms, the console in a browser, end-to-end tests
	$(PHASE) set-up scripts/setup
	$(PHASE) gofmt scripts/gofmt-check
	$(PHASE) golangci-lint $(LINT) run ./...
	@scripts/tests

bench: ## what a decision costs
	@go test -run '^$$' -bench . -benchmem ./internal/enforce ./internal/token

bench-console: setup build ## what the console takes with 500 key managers and 50,000 applications, beside a small installation; some minutes
	@cd web && PATH="$(CACHE)/node-package/bin:$$PATH" npx playwright test --config bench/playwright.config.ts

clean: ## remove what was built here; the cache folder stays
	@rm -rf bin coverage web/dist/assets web/dist/index.html web/dist/.built
