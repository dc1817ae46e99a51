// Command bench compares the check of a token with the alternatives that people use. Every round runs
// every case, and the report has medians of the ratios within the rounds, because the speed of a machine
// changes from one second to the next. Times are CPU time of this process (getrusage), including its
// garbage collector.
//
//	go run . [-tokens 1000000] [-rounds 60] [-dir FOLDER]
//	go run . -uploads [-rounds 20] [-small 1s] [-large 2] [-pages 5000] [-dir FOLDER]
//
// With RIND_BENCH_LARGE=1 it instead fills a store with 10,000,000 tokens (1,000,000 with
// RIND_BENCH_LARGE=1000000), like that of a new verifier, and prints what it costs to fill it, to open it
// and to check tokens with it. It empties the machine's page cache if it may.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

func main() { os.Exit(run()) }

func run() int {
	tokens := flag.Int("tokens", 1_000_000, "how many tokens the store holds")
	rounds := flag.Int("rounds", 60, "how many rounds to run")
	folder := flag.String("dir", "", "where the store is made, and kept; a temporary folder by default")
	uploads := flag.Bool("uploads", false, "compare uploads and pages instead, beside pypiserver and devpi")
	c := uploadsConfig{}
	flag.DurationVar(&c.small, "small", time.Second, "with -uploads: how long small files are uploaded, each time")
	flag.IntVar(&c.large, "large", 2, "with -uploads: how many large files, each time")
	flag.IntVar(&c.pages, "pages", 5000, "with -uploads: files on the page")
	flag.StringVar(&c.peers, "peers", defaultPeers(), "with -uploads: folder with the environments of pypiserver and devpi")
	serve := flag.String("serve", "", "be one of the servers (used by -uploads)")
	url := flag.String("url", "", "address of the index behind it")
	flag.Parse()
	c.rounds = *rounds
	if *serve != "" {
		if err := serveUploads(*serve, *folder, *url); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			return 1
		}
		return 0
	}
	err := inFolder(*folder, func(dir string) error {
		if *uploads {
			return compareUploads(dir, c)
		}
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

// defaultPeers is where 'make tools' installs pypiserver and devpi.
func defaultPeers() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(cache, "rind-tests", "clients")
}

// inFolder runs fn in a folder. If dir is "", it makes a temporary folder and removes it afterwards.
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
	second, err := openHouse(path, tokens)
	if err != nil {
		return err
	}
	defer second.close()
	cases, done, err := h.cases(ctx, second)
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
