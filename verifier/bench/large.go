package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

const (
	largeTokens = 10_000_000 // unless RIND_BENCH_LARGE is a number above 1
	smallTokens = 10_000
	openings    = 7
)

// large prints what a store of very many tokens costs: how long a new verifier takes to receive them, how
// long it takes to open the store for writing when none of it is in memory, how large the heap gets, and
// how long a warm check takes compared with a store of 10,000 tokens.
func large(ctx context.Context, dir string, most int) error {
	var houses [2]*house
	for i, tokens := range []int{smallTokens, most} {
		path := filepath.Join(dir, fmt.Sprintf("keys-%d.db", tokens))
		if _, err := os.Stat(path); err != nil {
			if err := firstCatchUp(ctx, path, tokens); err != nil {
				return err
			}
		}
		if err := errors.Join(printSize(path, tokens), printIndex(path, tokens)); err != nil {
			return err
		}
		if tokens == most {
			if err := fills(ctx, path, tokens); err != nil {
				return err
			}
		}
		if err := timeOpening(path); err != nil {
			return err
		}
		keys, err := rootkeys.Open(path, rootkeys.Options{Key: key})
		if err != nil {
			return err
		}
		defer keys.Close()
		houses[i] = &house{tokens: tokens, keys: keys, verifier: verifier.New(keys)}
	}
	return compareSizes(ctx, houses[0], houses[1])
}

// timeOpening opens a store several times, each time with a cold page cache if the system allows it.
func timeOpening(path string) error {
	var took []time.Duration
	how := "cold"
	for range openings {
		if err := dropCaches(); err != nil {
			how = fmt.Sprintf("warm, as the page cache can't be dropped: %v", err)
		}
		begun := time.Now()
		s, err := rootkeys.Open(path, rootkeys.Options{Key: key})
		if err != nil {
			return err
		}
		took = append(took, time.Since(begun))
		if err := s.Close(); err != nil {
			return err
		}
	}
	slices.Sort(took)
	fmt.Printf("  opening for writing (%s): median %v, longest %v\n", how, took[len(took)/2].Round(10*time.Microsecond), took[len(took)-1].Round(10*time.Microsecond))
	return nil
}

func dropCaches() error { return os.WriteFile("/proc/sys/vm/drop_caches", []byte("3\n"), 0) }

func compareSizes(ctx context.Context, small, big *house) error {
	before := heap()
	var cases []*oneCase
	for _, h := range []*house{small, big} {
		d, err := h.draw(smallTokens)
		if err != nil {
			return err
		}
		cases = append(cases, &oneCase{name: fmt.Sprint(h.tokens), given: d, texts: d.issued, check: h.verify(ctx, d, d.issued)})
		runtime.KeepAlive(d)
	}
	inputs := heap() - before
	if err := measure(cases, 50); err != nil {
		return err
	}
	fmt.Printf("check, CPU µs: %.2f with %d tokens, %.2f with %d; median of the ratios %.2f\n",
		micros(cases[0].cpu), small.tokens, micros(cases[1].cpu), big.tokens, cases[1].over(cases[0]))
	fmt.Printf("heap with both stores open: %.1f MB before the checks, %.1f MB after them, not counting %.1f MB of requests\n",
		before, heap()-inputs, inputs)
	runtime.KeepAlive(cases)
	return nil
}

// heap returns the heap in use after garbage collections, in MB. Objects in pools and objects with
// finalizers are gone only after the third collection.
func heap() float64 {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}
