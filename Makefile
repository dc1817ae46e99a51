# rind: 'make run' builds and starts it, 'make check' is the daily habit, 'make test' runs every test there is.

GO          ?= go
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
TOOLS       := $(CURDIR)/.tools
FUZZTIME    ?= 1000000x

# Tests that kill processes or take long. 'make check' leaves them to 'make test', like the tests that run rind in a
# process of its own.
PROCESSES   := ^(TestKilledAtAnyMoment|TestServeChangesTheKeyOfItsRootKeys|TestSoak|TestAnExportOutlivesEveryDeadline|TestBuildsForOtherSystems)$$

SOAK        ?= 10m
VERIFIERS   ?= 200
HOSTILE     ?= 1m

# How tests run:
# - Their files are in memory.
# - atexit_sleep_ms: a program with the race detector would otherwise sleep for a second before it exits.
# - GOGC: the garbage collector runs half as often, which saves a tenth of the CPU.
# - -vet=off: 'go vet' has run before.
TESTS       := GOGC=$${GOGC:-200} GORACE="atexit_sleep_ms=20 $(GORACE)" sh internal/realtest/inmemory.sh $(GO) test -vet=off

# The slowest packages start first, and what waits most, so that no core is idle at the end.
LONG        := ./cmd/rind ./issuer/web ./issuer ./verifier/replication ./internal/deadline

# Tests that run without the race detector, which takes three to five times the CPU and finds nothing in them: suites that
# drive rind, a browser and clients as processes of their own, or read rind's source (issuer/web renders ui's pages with the
# race detector); suites that start no goroutine, which a test in internal/arrows checks; and single tests that take long and
# do one thing at a time (two matrices of issuer/web are among them; smaller ones and the tests of each page have the detector).
OUTSIDE     := ./internal/e2e ./ui ./internal/faults ./internal/hostile ./internal/arrows ./internal/incidents ./internal/realtest/...
ALONE       := ./authn/totp ./caveats ./internal/clientip ./internal/config ./internal/dist ./internal/feed ./internal/inspect ./internal/limits ./internal/names ./internal/private ./internal/problem ./internal/text ./internal/tokenscan ./verifier/gateway/archive
LONE_TESTS  := ^(TestAccess|TestMethods|TestALeakedStoreMakesNothingWider|TestStoreIsAPlainMap|TestFlippedBits|TestEveryOrderEndsTheSame|TestStoreFailsAnywhere|TestKilledAtAnyMoment)$$

# Suites that use bbolt themselves. All others run with a bbolt that is compiled without the race detector: bbolt empties each
# page byte by byte, and to tell the detector of each byte takes a fifth to a quarter of their CPU.
STORES      := ./verifier/rootkeys ./internal/kv/boltkv ./verifier/gateway/policy/ledger
QUIET_BOLT  := -gcflags='go.etcd.io/bbolt/...=-race=false -dwarf=false'

# Suites that run a second time, on PostgreSQL. The race detector has seen their code in the first run.
ON_BOTH     := ./authn ./issuer ./issuer/tokens ./issuer/followers ./issuer/projects ./issuer/ledger ./internal/audit ./internal/notices ./internal/instance

.PHONY: run build check test raced raced-stores outside on-postgres bench fuzz soak hostile installers lint fmt tools picture

run: build
	./bin/rind serve

build:
	$(GO) build -trimpath -o bin/rind ./cmd/rind

# The daily habit: all tests that need no real client, no browser and no process of its own, without the race detector.
# On two idle cores it takes about a minute after a change, and a hundred seconds where go test remembers no result. It does not set -short,
# which would try properties too few times.
check:
	$(GO) vet ./...
	RIND_SKIP_REAL=1 RIND_SKIP_SERVERS=1 $(TESTS) -p 3 -skip '$(PROCESSES)' $(LONG) $(STORES) ./...

# Lint runs first, so that the output ends with go test's own lines; it computes while the tools wait for the network.
# Six packages run at once, whatever the number of cores: many of them wait for a browser, a proxy, a database or a time-out.
# -dwarf=false: nobody looks at these programs with a debugger, and to compile them takes a sixth less without what it needs.
test: export GOFLAGS := $(strip $(GOFLAGS) -gcflags=all=-dwarf=false)
test:
	+$(MAKE) --no-print-directory -j2 tools lint
	+$(MAKE) --no-print-directory -j4 -k raced raced-stores outside on-postgres

raced:
	$(TESTS) -race $(QUIET_BOLT) -p 3 -timeout 30m -skip '$(LONE_TESTS)' $(LONG) $$($(GO) list ./... | grep -Fvx "$$($(GO) list $(OUTSIDE) $(ALONE) $(STORES))")

raced-stores:
	$(TESTS) -race -p 1 -timeout 30m -skip '$(LONE_TESTS)' $(STORES)

outside:
	@set -x; code=0; \
	$(TESTS) -p 1 -timeout 30m $(OUTSIDE) $(ALONE) || code=1; \
	$(TESTS) -p 1 -timeout 30m -run '$(LONE_TESTS)' ./issuer/web ./verifier/rootkeys ./issuer || code=1; \
	exit $$code

on-postgres:
	RIND_TEST_STORE=postgres $(TESTS) -p 1 -timeout 30m $(ON_BOTH)

# The last two compare rind with other kinds of tokens and other indexes. They are a module of their own, which keeps the
# product's list of modules short.
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

# Counts the archives that rind refuses and that pip and uv would install. It takes minutes, and needs root to keep these
# programs from writing anywhere.
installers: tools
	$(GO) test ./verifier/gateway/archive -count=1 -timeout 0 -v -run '^TestInstallers$$' -installers

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
	GOGC=400 $(GO) vet ./... # a tenth less CPU
	GOGC=400 $(TOOLS)/staticcheck ./... # a fifth less CPU, and 400 MB more memory
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
