package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rind-dev/rind/verifier/rootkeys"
)

// mostFill is the longest time that the first catch-up of largeTokens may take on an idle machine.
const mostFill = 60 * time.Second

// cost is the elapsed time and the CPU time of something.
type cost struct{ wall, cpu time.Duration }

// add runs fn and adds its cost.
func (c *cost) add(fn func() error) error {
	begun, used := time.Now(), cpuTime()
	err := fn()
	c.wall += time.Since(begun)
	c.cpu += cpuTime() - used
	return err
}

func (c cost) String() string {
	return fmt.Sprintf("%v (%v of CPU)", c.wall.Round(100*time.Millisecond), c.cpu.Round(100*time.Millisecond))
}

// fills measures a store's first catch-up without the network: the time inside Fill, including every
// fsync, but not the time to generate the tokens. For comparison it fills a plain bbolt file with as many
// values, in the same order and in batches of the same size, whose total size is that of the store's
// file.
func fills(ctx context.Context, path string, tokens int) error {
	fi, err := os.Stat(path)
	if err != nil {
		return err
	}
	ours, err := timeFill(ctx, path+".fill", tokens)
	if err != nil {
		return err
	}
	plain, err := timePlain(path+".plain", tokens, int(fi.Size()/int64(tokens)))
	if err != nil {
		return err
	}
	verdict := ""
	if tokens == largeTokens {
		verdict = fmt.Sprintf(" (at most %v: %v)", mostFill, ours.wall <= mostFill)
	}
	fmt.Printf("%d tokens: first catch-up inside the store %v%s; a plain bbolt fill of the same bytes %v; %.2f × (%.2f × of CPU)\n",
		tokens, ours, verdict, plain, float64(ours.wall)/float64(plain.wall), float64(ours.cpu)/float64(plain.cpu))
	return nil
}

func timeFill(ctx context.Context, path string, tokens int) (took cost, err error) {
	os.Remove(path)
	defer os.Remove(path)
	s, err := rootkeys.Open(path, rootkeys.Options{Key: key})
	if err != nil {
		return took, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	f, err := s.BeginFill(ctx, rootkeys.Position{Issuer: issuer, Epoch: 1, Revision: 1})
	if err != nil {
		return took, err
	}
	for from := 0; from < tokens; from += batch {
		var records []rootkeys.Change
		for n := from; n < min(from+batch, tokens); n++ {
			changes, err := changesOf(n)
			if err != nil {
				return took, err
			}
			records = append(records, changes...)
		}
		if err := took.add(func() error { return f.Add(ctx, records) }); err != nil {
			return took, err
		}
	}
	err = took.add(func() error { return f.Commit(ctx) })
	return took, err
}

func timePlain(path string, tokens, size int) (took cost, err error) {
	os.Remove(path)
	defer os.Remove(path)
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return took, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	bytes := make([]byte, size)
	for from := 0; from < tokens; from += batch {
		keys := make([][]byte, 0, batch)
		for n := from; n < min(from+batch, tokens); n++ {
			keys = append(keys, []byte(tokenID(n)))
		}
		err := took.add(func() error {
			return db.Update(func(tx *bbolt.Tx) error {
				b, err := tx.CreateBucketIfNotExists(opaqueBucket)
				if err != nil {
					return err
				}
				b.FillPercent = 1
				for _, k := range keys {
					if err := b.Put(k, bytes[:max(size-len(k), 1)]); err != nil {
						return err
					}
				}
				return nil
			})
		})
		if err != nil {
			return took, err
		}
	}
	return took, nil
}

// printIndex prints how much memory an open store takes, which is almost only its index.
func printIndex(path string, tokens int) error {
	before := heap()
	s, err := rootkeys.Open(path, rootkeys.Options{Key: key, ReadOnly: true})
	if err != nil {
		return err
	}
	fmt.Printf("%d tokens: the index of the store takes %.2f MB of memory\n", tokens, heap()-before)
	runtime.KeepAlive(s)
	return s.Close()
}
