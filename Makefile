# make          builds bin/fluent-bit and the example plugins beside it
# make demo     builds, and runs an example plugin for ten seconds
# make test     all tests of all modules
# make lint     formatting, go vet, golangci-lint
# make bench    all benchmarks, once
# make bench-agents  whole pipelines of bin/fluent-bit, and of PEER=/path/to/another/fluent-bit beside it
# make chaos    agents that are paused, killed and blocked while a million lines are rotated; SEED=n RUN=name
# make fuzz     every fuzz target for a short time (FUZZTIME=1m for longer)

GO ?= go
FUZZTIME ?= 20000x
MODULES := . agent

# Packages with goroutines or locks of their own: their tests run under the race detector as well.
racy = $(sort $(dir $(shell cd $(1) && grep -rlE --include='*.go' --exclude='*_test.go' --exclude-dir=testdata \
	--exclude-dir=$(2) '^\s*go [a-z]|"sync(/atomic)?"' .)))

PLUGINS := $(patsubst examples/%/,bin/%.so,$(wildcard examples/out_*/ examples/in_*/ examples/filter_*/))
COMMIT := $(shell git describe --always --dirty 2>/dev/null)

.PHONY: all build plugins demo test race lint bench bench-agents chaos fuzz clean

all: build plugins

# The linker leaves its output in huge pages of the page cache, which the kernel maps as a whole: 15 MB more to
# each process that runs it than a copy costs, and nothing gained.
build:
	$(GO) build -ldflags '-X github.com/fluent/fluent-bit-go/agent/cmd.commit=$(COMMIT)' -o bin/.linked ./agent/cmd/fluent-bit
	cp bin/.linked bin/.copied
	mv bin/.copied bin/fluent-bit

plugins: $(PLUGINS)

# Go knows best whether a plugin is up to date, hence FORCE.
bin/%.so: FORCE
	$(GO) build -buildmode=c-shared -o $@ ./examples/$*
	@rm -f bin/$*.h

FORCE:

demo: all
	$(GO) run ./internal/demo bin/fluent-bit -e bin/out_gstdout.so -i cpu -o gstdout

test: race
	$(GO) test ./...
	cd agent && $(GO) test ./...
	cd agent/testdata/upstream && GOWORK=off $(GO) test -short .

race:
	$(GO) test -race $(call racy,.,agent)
	$(if $(call racy,agent,e2e),cd agent && $(GO) test -race $(call racy,agent,e2e))

lint: bin/golangci-lint
	@bad=$$(gofmt -l .); [ -z "$$bad" ] || { echo "not formatted, run gofmt -w:" $$bad; exit 1; }
	@for m in $(MODULES); do (cd $$m && $(GO) vet ./... && $(CURDIR)/bin/golangci-lint run ./...) || exit 1; done

# A tool, not part of the project: its own module keeps its dependencies away from ours.
bin/golangci-lint: tools/go.mod
	cd tools && GOWORK=off $(GO) build -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint

bench:
	@for m in $(MODULES); do (cd $$m && $(GO) test -run '^$$' -bench . -benchmem ./...) || exit 1; done
	cd agent/testdata/upstream && GOWORK=off $(GO) test -run MuchFaster -count=1 -v .

bench-agents: build
	cd agent && $(GO) run ./bench $(if $(PEER),-peer $(abspath $(PEER))) $(BENCHFLAGS) $(CURDIR)/bin/fluent-bit

chaos:
	cd agent && $(GO) test -count=1 -timeout 30m -v -run '$(RUN)' ./e2e/chaos -long $(if $(SEED),-seed $(SEED)) $(if $(PEER),-binary $(abspath $(PEER)))

fuzz:
	@for m in $(MODULES); do (cd $$m && \
	grep -rho --include='*_test.go' -H '^func Fuzz[A-Za-z0-9_]*' . | sed 's/func //' | sort | \
	while IFS=: read -r file target; do \
		echo "$$m $$file $$target"; \
		$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "./$$(dirname "$$file")" || exit 1; \
	done) || exit 1; done

clean:
	rm -rf bin
