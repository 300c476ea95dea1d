# Everything a contributor and the CI run. "make check test" is what a change
# has to pass.

GO         ?= go
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.8.0
BENCHSTAT   = golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
TESTFLAGS  ?=
FUZZTIME   ?= 60s
BENCHTIME  ?= 1s
BENCHCOUNT ?= 6
PEERFLAGS  ?=
RUNFLAGS   ?=

.PHONY: help run build test race check vet format staticcheck layout fresh vuln bench bench-peer fuzz soak plugins clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## start the broker with its built-in defaults
	bin/wicket run $(RUNFLAGS)

build: ## bin/wicket and bin/wicket-bench
	$(GO) build -trimpath -o bin/ ./cmd/...

test: ## every test
	$(GO) test $(TESTFLAGS) ./...

race: ## every test, under the race detector
	$(GO) test -race $(TESTFLAGS) ./...

check: vet format staticcheck layout fresh vuln ## everything but the tests

vet:
	$(GO) vet ./...
	GOOS=wasip1 GOARCH=wasm $(GO) vet ./sdk/go/... ./sdk/tck/guests/go ./plugins/... ./examples/...

format:
	@out=$$(gofmt -l $$(git ls-files '*.go')) && test -z "$$out" || { echo "not formatted (run gofmt -w):"; echo "$$out"; exit 1; }

staticcheck:
	$(GO) run $(STATICCHECK) ./...

layout: ## import graph, sizes, package comments, dependencies
	$(GO) test -run '^TestLayout' ./engine

fresh: ## generated files are those that the sources make
	$(GO) test -run '^TestGenerated' ./...

# Exit code 3 means that a vulnerability was found. Any other failure means
# that the database could not be had, which is not the fault of a change.
vuln: ## known vulnerabilities, when their database can be had
	@GOBIN=$(CURDIR)/bin/tools $(GO) install $(GOVULNCHECK) || { echo "govulncheck: not checked, the tool cannot be had"; exit 0; }; \
	out=$$(bin/tools/govulncheck ./... 2>&1); code=$$?; \
	case $$code in \
	0) echo "govulncheck: no known vulnerability is reachable" ;; \
	3) echo "$$out"; exit 1 ;; \
	*) echo "$$out" | tail -n 3; echo "govulncheck: NOT CHECKED, its database cannot be had" ;; \
	esac

bench: ## every benchmark, BENCHCOUNT times, as medians with their spread
	@mkdir -p bin
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) -count $(BENCHCOUNT) ./... > bin/bench.txt || { cat bin/bench.txt; exit 1; }
	$(GO) run $(BENCHSTAT) bin/bench.txt

bench-peer: build ## wicket and Debian's mosquitto, the same loads in turn: docs/performance.md
	bin/wicket-bench compare --suite peer --json docs/performance.json --markdown docs/performance.md --html bin/performance.html $(PEERFLAGS)

# Go's fuzzer sometimes fails with "context deadline exceeded" when its time ends
# in the middle of an input; that is no finding. A finding names its input.
fuzz: ## every fuzz target, FUZZTIME each
	@set -e; for file in $$(grep -rl --include='*_test.go' '^func Fuzz' cmd engine plugins sdk); do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$file); do \
			echo "== $$(dirname $$file) $$target"; \
			out=$$($(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x ./$$(dirname $$file) 2>&1) \
				|| { echo "$$out"; case "$$out" in *"Failing input"*) exit 1;; *"context deadline exceeded"*) ;; *) exit 1;; esac; }; \
			echo "$$out" | tail -n 2; \
		done; \
	done

soak: ## tests that take long: those of the build tag soak
	$(GO) test -tags soak -run '^TestSoak' -count=1 -timeout 0 -v ./...

plugins: ## rebuild the .wasm files that come with the broker
	$(GO) generate ./plugins/...

clean:
	rm -rf bin
