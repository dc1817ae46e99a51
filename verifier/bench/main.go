// Command bench measures the check of a token against what else people use for it,
// all in one run: every round runs every case, and what is reported are medians of
// the ratios inside the rounds, because machines change their speed from one second
// to the next. Times are CPU time of this process (getrusage), its garbage collector
// included.
//
//	go run . [-tokens 1000000] [-rounds 60] [-dir FOLDER]
//
// With RIND_BENCH_LARGE=1 it makes a store of 10,000,000 tokens instead (of 1,000,000 with
// RIND_BENCH_LARGE=1000000), as a new verifier is filled, and says what that costs, and what it
// costs to open it and to check with it. It empties the machine's page cache where it may.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

func main() { os.Exit(run()) }

func run() int {
	tokens := flag.Int("tokens", 1_000_000, "how many tokens the store holds")
	rounds := flag.Int("rounds", 60, "how many rounds to run")
	folder := flag.String("dir", "", "where the store is made, and kept; a temporary folder by default")
	flag.Parse()
	err := inFolder(*folder, func(dir string) error {
		if n, err := strconv.Atoi(os.Getenv("RIND_BENCH_LARGE")); err == nil {
			if n <= 1 {
				n = largeTokens
			}
			return large(context.Background(), dir, n)
		}
		return compare(context.Background(), dir, *tokens, *rounds)
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}

// inFolder runs fn in a folder; one of its own making it removes.
func inFolder(dir string, fn func(string) error) error {
	if dir != "" {
		return fn(dir)
	}
	dir, err := os.MkdirTemp("", "rind-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return fn(dir)
}

func compare(ctx context.Context, dir string, tokens, rounds int) error {
	path := filepath.Join(dir, fmt.Sprintf("rootkeys-%d.db", tokens))
	if err := makeStore(ctx, path, tokens); err != nil {
		return err
	}
	if err := printIndex(path, tokens); err != nil {
		return err
	}
	h, err := openHouse(path, tokens)
	if err != nil {
		return err
	}
	defer h.close()
	cases, done, err := h.cases(ctx)
	if err != nil {
		return err
	}
	defer done()
	if err := measure(cases, rounds); err != nil {
		return err
	}
	report(os.Stdout, cases, rounds)
	return nil
}
