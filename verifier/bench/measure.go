package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"text/tabwriter"
	"time"
)

// oneCase is something to measure: a check that runs for one request after another.
type oneCase struct {
	name  string
	check func(i int) error
	given *draw             // the requests; nil if they are in the processor's caches anyway
	texts []string          // the tokens of the requests
	cores int               // number of goroutines; 0 means 1
	other func(i int) error // what the second goroutine does; nil: check
	long  bool              // a round takes ten slices
	wall  bool              // another process does the work, so compare elapsed time

	n            int             // checks per round and core
	at           int             // index of the next request
	cpu, elapsed []time.Duration // per hundred checks, for each round
}

// Names of the cases, some of which the report compares.
const (
	asIssued     = "rind, as issued"
	onceIssued   = "rind, as issued, tokens seen once"
	onceNarrowed = "rind, one caveat of the holder's, tokens seen once"
	onceOpaque   = "opaque, tokens seen once"
	narrowed     = "rind, one caveat of the holder's"
	oneCore      = "rind, as issued, on one core for long"
	twoCores     = "rind, as issued, on two cores for long"
	twoStores    = "rind, as issued, on two cores for long, a store each"
	opaques      = "opaque, SHA-256, db.View"
	classics     = "macaroon.v2, encoding/json, db.View"
	hs256        = "golang-jwt v5 HS256"
	eddsa        = "golang-jwt v5 EdDSA"
	pasetos      = "go-paseto v4 public"
	selects      = "PostgreSQL SELECT by primary key"
)

// slice is about how long a case runs in a round.
const slice = 25 * time.Millisecond

// cases returns what to measure; second is the same store, opened once more.
func (h *house) cases(ctx context.Context, second *house) ([]*oneCase, func(), error) {
	hmac, ed, err := jwtCases()
	if err != nil {
		return nil, nil, err
	}
	again, err := h.draw(seenAgain)
	if err != nil {
		return nil, nil, err
	}
	once, err := h.draw(seenOnce)
	if err != nil {
		return nil, nil, err
	}
	cases := []*oneCase{
		{name: asIssued, given: again, texts: again.issued, check: h.verify(ctx, again, again.issued)},
		{name: narrowed, given: again, texts: again.narrowed, check: h.verify(ctx, again, again.narrowed)},
		{name: oneCore, given: again, texts: again.issued, check: h.verify(ctx, again, again.issued), long: true},
		{name: twoCores, given: again, texts: again.issued, check: h.verify(ctx, again, again.issued), long: true, cores: 2},
		{name: twoStores, given: again, texts: again.issued, check: h.verify(ctx, again, again.issued), long: true, cores: 2, other: second.verify(ctx, again, again.issued)},
		{name: opaques, given: again, texts: again.opaque, check: h.opaqueLookup(again)},
		{name: onceIssued, given: once, texts: once.issued, check: h.verify(ctx, once, once.issued)},
		{name: onceNarrowed, given: once, texts: once.narrowed, check: h.verify(ctx, once, once.narrowed)},
		{name: onceOpaque, given: once, texts: once.opaque, check: h.opaqueLookup(once)},
		{name: classics, given: again, texts: again.issued, check: h.classic(again)},
		{name: hs256, check: hmac},
		{name: eddsa, check: ed},
		{name: pasetos, check: pasetoCase()},
	}
	sel, done, err := postgres(ctx, h.tokens, again)
	if err != nil {
		fmt.Println("PostgreSQL is left out:", err)
		return cases, func() {}, nil
	}
	return append(cases, &oneCase{name: selects, given: again, texts: again.opaque, check: sel, wall: true}), done, nil
}

// measure runs every case in every round, in a new random order each time.
func measure(cases []*oneCase, rounds int) error {
	for _, c := range cases {
		if err := c.calibrate(); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	for range rounds {
		order := rand.Perm(len(cases))
		for _, i := range order {
			c := cases[i]
			runtime.GC() // so that no case pays for the garbage of another
			cpu, elapsed, err := c.round(c.n)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			c.elapsed = append(c.elapsed, elapsed/time.Duration(c.n/100))
			c.cpu = append(c.cpu, cpu/time.Duration(c.n/100))
		}
	}
	return nil
}

// round makes n checks on each core, in batches. It reads the requests and tokens of a batch before it
// starts to count CPU time: in practice they come from the network, and are in the processor's caches
// when the check begins. Elapsed time includes everything.
func (c *oneCase) round(n int) (cpu, elapsed time.Duration, err error) {
	cores := max(1, c.cores)
	begun, used, errs := time.Now(), make([]time.Duration, cores), make([]error, cores)
	var wg sync.WaitGroup
	for core := range cores {
		from := c.at + core*seenAgain/cores
		check := c.check
		if core == 1 && c.other != nil {
			check = c.other
		}
		wg.Go(func() { used[core], errs[core] = c.run(check, from, n) })
	}
	wg.Wait()
	c.at += n
	elapsed = time.Since(begun)
	for _, u := range used {
		cpu += u
	}
	return cpu, elapsed, errors.Join(errs...)
}

func (c *oneCase) run(check func(int) error, from, n int) (cpu time.Duration, err error) {
	const some = 100
	for ; n > 0; n -= some {
		if c.given != nil {
			c.arrive(from, some)
		}
		before := cpuTime()
		for i := from; i < from+some; i++ {
			if err := check(i); err != nil {
				return 0, err
			}
		}
		cpu += cpuTime() - before
		from += some
	}
	return cpu, nil
}

// touched keeps the compiler from removing the work of arrive.
var touched atomic.Uint64

func (c *oneCase) arrive(from, n int) {
	sum := uint64(0)
	for i := from; i < from+n; i++ {
		text := c.texts[i%len(c.texts)]
		for at := 0; at < len(text); at += 32 {
			sum += uint64(text[at])
		}
		r := &c.given.requests[i%len(c.texts)]
		sum += uint64(r.Action[0]) + uint64(r.Project[0]) + uint64(r.Version[0]) + uint64(len(r.SHA256)) + uint64(r.Now.Unix())
	}
	touched.Add(sum)
}

// calibrate finds how many checks fit into a slice, in multiples of a hundred. Before that it runs all
// requests twice, so that every page they need is mapped.
func (c *oneCase) calibrate() error {
	for range 2 {
		if _, _, err := c.round(max(len(c.texts), 1000) / 100 * 100); err != nil {
			return err
		}
	}
	const some = 2000
	_, elapsed, err := c.round(some)
	c.n = max(100, int(slice*some/elapsed)/100*100)
	if c.long {
		c.n *= 10
	}
	return err
}

// cpuTime returns the CPU time that this process has used, in user and system mode.
func cpuTime() time.Duration {
	var u syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	if err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// ratio returns the median of a/b over the rounds.
func ratio(a, b []time.Duration) float64 {
	rs := make([]float64, len(a))
	for i := range a {
		rs[i] = float64(a[i]) / float64(b[i])
	}
	return median(rs)
}

// micros returns the median time per check in microseconds, from times per hundred checks.
func micros(ts []time.Duration) float64 {
	fs := make([]float64, len(ts))
	for i, t := range ts {
		fs[i] = float64(t) / 100 / float64(time.Microsecond)
	}
	return median(fs)
}

func report(w io.Writer, cases []*oneCase, rounds int) {
	by := map[string]*oneCase{}
	for _, c := range cases {
		by[c.name] = c
	}
	base := by[asIssued]
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "medians of %d rounds\tCPU µs\telapsed µs\t× a token as issued\t\n", rounds)
	for _, c := range cases {
		if c.cores > 1 || c.wall { // CPU time of this process means nothing here
			fmt.Fprintf(t, "%s\t\t%.2f\t%.2f\t\n", c.name, micros(c.elapsed), ratio(c.elapsed, base.elapsed))
			continue
		}
		fmt.Fprintf(t, "%s\t%.2f\t%.2f\t%.2f\t\n", c.name, micros(c.cpu), micros(c.elapsed), c.over(base))
	}
	t.Flush()
	fmt.Fprintln(w)
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	goal := func(what string, got float64, least bool, want float64) {
		sign, held := "at most", got <= want
		if least {
			sign, held = "at least", got >= want
		}
		verdict := "holds"
		if !held {
			verdict = "DOES NOT HOLD"
		}
		fmt.Fprintf(t, "%s\t%.2f\t%s %.2f\t%s\n", what, got, sign, want, verdict)
	}
	goal("tokens seen once: as issued / opaque lookup", by[onceIssued].over(by[onceOpaque]), false, 1)
	goal("tokens seen once: one caveat of the holder's / opaque lookup", by[onceNarrowed].over(by[onceOpaque]), false, 1.3)
	goal("seen again: as issued / opaque lookup", base.over(by[opaques]), false, 0.8)
	goal("seen again: one caveat of the holder's / opaque lookup", by[narrowed].over(by[opaques]), false, 1.25)
	goal("macaroon.v2 / as issued", by[classics].over(base), true, 4)
	goal("HS256 / as issued", by[hs256].over(base), true, 2)
	goal("two cores over one, checks a second", 2*ratio(by[oneCore].elapsed, by[twoCores].elapsed), true, 1.95)
	fmt.Fprintf(t, "what this machine gives to two cores that share nothing\t%.2f\n", 2*ratio(by[oneCore].elapsed, by[twoStores].elapsed))
	goal("two cores: one store / a store each, checks a second", ratio(by[twoStores].elapsed, by[twoCores].elapsed), true, 0.975)
	if c := by[selects]; c != nil {
		goal("PostgreSQL / as issued", c.over(base), true, 20)
	}
	t.Flush()
}

// over returns the median ratio of c's time to d's within the rounds. It compares CPU time, or elapsed time
// if the work of one of them happens in another process.
func (c *oneCase) over(d *oneCase) float64 {
	if c.wall || d.wall {
		return ratio(c.elapsed, d.elapsed)
	}
	return ratio(c.cpu, d.cpu)
}
