# rind: 'make run' builds and starts it, 'make check' is the daily habit, 'make test' runs every test there is.

GO          ?= go
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
TOOLS       := $(CURDIR)/.tools
FUZZTIME    ?= 1000000x

# Tests that kill themselves or take long, which 'make check' leaves to 'make test', as it does
# those that run rind in a process of its own.
PROCESSES   := ^(TestKilledAtAnyMoment|TestServeChangesTheKeyOfItsRootKeys|TestSoak|TestAnExportOutlivesEveryDeadline|TestBuildsForOtherSystems)$$

SOAK        ?= 10m
VERIFIERS   ?= 200
HOSTILE     ?= 1m

# Tests' files in memory; and a program with the race detector ends at once, where it would wait a
# second for what else runs in it.
# The collector runs half as often as it does by itself, for a tenth less CPU. 'go vet' has run before.
TESTS       := GOGC=$${GOGC:-200} GORACE="atexit_sleep_ms=20 $(GORACE)" sh internal/realtest/inmemory.sh $(GO) test -vet=off

# Packages that take longest go first, so that the others fill the cores to the end.
LONG        := ./cmd/rind ./issuer/web ./verifier/rootkeys ./issuer ./verifier/replication

# What the race detector, which costs three to five times the CPU, has nothing to see in: suites that drive rind, a
# browser and clients, which are processes of their own, or read rind's source (pages of ui are rendered side by
# side with the race detector in issuer/web); suites that start no goroutine, which internal/arrows makes sure of;
# and tests of other suites that compute for long in one goroutine.
OUTSIDE     := ./internal/e2e ./ui ./internal/faults ./internal/hostile ./internal/arrows ./internal/incidents ./internal/realtest/...
ALONE       := ./authn/password/zxcvbn ./authn/totp ./caveats ./internal/clientip ./internal/config ./internal/dist ./internal/feed ./internal/inspect ./internal/limits ./internal/names ./internal/private ./internal/problem ./internal/text ./internal/tokenscan ./verifier/gateway/archive
LONE_TESTS  := ^(TestALeakedStoreMakesNothingWider|TestStoreIsAPlainMap|TestFlippedBits|TestEveryOrderEndsTheSame|TestStoreFailsAnywhere|TestKilledAtAnyMoment)$$

# Suites that run a second time on PostgreSQL, without the race detector, which has seen the same code.
ON_BOTH     := ./authn ./issuer ./issuer/tokens ./issuer/followers ./issuer/projects ./issuer/ledger ./internal/audit ./internal/notices ./internal/instance

.PHONY: run build check test raced outside bench fuzz soak hostile installers lint fmt tools picture

run: build
	./bin/rind serve

build:
	$(GO) build -trimpath -o bin/rind ./cmd/rind

# What needs no real client, browser or process of its own, without the race detector, for
# every day: a minute or two on two quiet cores. 'make test' has the rest. Not with -short:
# properties would be tried too seldom to show anything.
check:
	$(GO) vet ./...
	RIND_SKIP_REAL=1 RIND_SKIP_SERVERS=1 $(TESTS) -p 3 -skip '$(PROCESSES)' $(LONG) ./...

# Lint first, so that the output ends with go test's own lines; it computes while the tools wait for the network.
# Three packages at once, whatever the number of cores: many wait for a browser, a proxy or a time-out
# rather than compute.
test:
	+$(MAKE) --no-print-directory -j2 tools lint
	+$(MAKE) --no-print-directory -j2 -k raced outside

raced:
	$(TESTS) -race -p 2 -timeout 30m -skip '$(LONE_TESTS)' $(LONG) $$($(GO) list ./... | grep -Fvx "$$($(GO) list $(OUTSIDE) $(ALONE))")

outside:
	@set -x; code=0; \
	$(TESTS) -p 1 -timeout 30m $(OUTSIDE) $(ALONE) || code=1; \
	$(TESTS) -p 1 -timeout 30m -run '$(LONE_TESTS)' ./verifier/rootkeys ./issuer || code=1; \
	RIND_TEST_STORE=postgres $(TESTS) -p 1 -timeout 30m $(ON_BOTH) || code=1; \
	exit $$code

# The checks beside their peers last: a module of its own, so that the product's
# list of modules stays short.
bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...
	cd verifier/bench && $(GO) run .
	cd verifier/bench && $(GO) run . -uploads -rounds 20

# Verifiers that follow a real issuer for as long as asked: SOAK=1h VERIFIERS=50.
soak:
	$(GO) test ./internal/soak -count=1 -timeout 0 -v -run '^TestSoak$$' -soak $(SOAK) -verifiers $(VERIFIERS)
	$(GO) test ./issuer -count=1 -timeout 0 -v -run '^TestPairLosesNothing$$' -pair-faults $(SOAK)

# The owner's acts among 20 hostile clients for as long as asked: HOSTILE=5m.
hostile:
	$(GO) test ./internal/hostile -count=1 -timeout 0 -v -run '^TestTheOwnerAmongHostileClients$$' -hostile $(HOSTILE)

# How many of the archives that rind refuses pip and uv would have installed; as root, because those programs are kept from
# writing anywhere. It takes minutes.
installers: tools
	RIND_INSTALLERS=1 $(GO) test ./verifier/gateway/archive -count=1 -timeout 0 -v -run '^TestInstallers$$'

# One fuzz target at a time, as go test wants it; FUZZTIME=30s for a short look.
fuzz:
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg; \
	  done; \
	done

lint: $(TOOLS)/staticcheck
	@un=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')); \
	  if [ -n "$$un" ]; then echo "not formatted (run 'make fmt'):"; echo "$$un"; exit 1; fi
	$(GO) vet ./...
	GOGC=400 $(TOOLS)/staticcheck ./... # a fifth less CPU, for 400 MB more of memory
	cd verifier/bench && $(GO) vet ./... && $(TOOLS)/staticcheck ./...
	cd internal/realtest/oidcprovider && $(GO) vet . && $(TOOLS)/staticcheck .

# The picture in README.md, of a page with sample data. It needs Chromium.
picture:
	$(GO) run ./ui/internal/shots -to $(TOOLS)/shots -only '^token-created$$'
	install -m 644 $(TOOLS)/shots/token-created-1280-light.png .github/token-page.png

fmt:
	gofmt -w $$(git ls-files --cached --others --exclude-standard '*.go')

# The real clients and the browser that the tests drive.
tools: $(TOOLS)/staticcheck
	@sh internal/realtest/install.sh

$(TOOLS)/staticcheck: Makefile
	GOBIN=$(TOOLS) $(GO) install $(STATICCHECK)
	@touch $@
