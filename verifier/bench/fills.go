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

// mostFill is how long the first catch-up of largeTokens may take on a quiet machine.
const mostFill = 60 * time.Second

// fills times a store's first catch-up without the line, as the store does it: the time
// inside Fill, with every fsync, and not what it takes to make the tokens up. Beside it, a
// plain bbolt file is filled with as many values, in the same order and in batches of the same
// size, that have as many bytes together as the store's file.
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
		verdict = fmt.Sprintf(" (at most %v: %v)", mostFill, ours <= mostFill)
	}
	fmt.Printf("%d tokens: first catch-up inside the store %v%s; a plain bbolt fill of the same bytes %v; %.2f ×\n",
		tokens, ours.Round(100*time.Millisecond), verdict, plain.Round(100*time.Millisecond), float64(ours)/float64(plain))
	return nil
}

func timeFill(ctx context.Context, path string, tokens int) (took time.Duration, err error) {
	os.Remove(path)
	defer os.Remove(path)
	s, err := rootkeys.Open(path, rootkeys.Options{Key: key})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	timed := func(fn func() error) error {
		begun := time.Now()
		err := fn()
		took += time.Since(begun)
		return err
	}
	f, err := s.BeginFill(ctx, rootkeys.Position{Issuer: issuer, Epoch: 1, Revision: 1})
	if err != nil {
		return 0, err
	}
	for from := 0; from < tokens; from += batch {
		var records []rootkeys.Change
		for n := from; n < min(from+batch, tokens); n++ {
			changes, err := changesOf(n)
			if err != nil {
				return 0, err
			}
			records = append(records, changes...)
		}
		if err := timed(func() error { return f.Add(ctx, records) }); err != nil {
			return 0, err
		}
	}
	return took, timed(func() error { return f.Commit(ctx) })
}

func timePlain(path string, tokens, size int) (took time.Duration, err error) {
	os.Remove(path)
	defer os.Remove(path)
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	bytes := make([]byte, size)
	for from := 0; from < tokens; from += batch {
		keys := make([][]byte, 0, batch)
		for n := from; n < min(from+batch, tokens); n++ {
			keys = append(keys, []byte(tokenID(n)))
		}
		begun := time.Now()
		err := db.Update(func(tx *bbolt.Tx) error {
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
		if took += time.Since(begun); err != nil {
			return 0, err
		}
	}
	return took, nil
}

// printIndex says how much memory an open store takes: its index, nearly alone.
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
