package kvtest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

// RunTwo runs the suite on two handles of one store, as two processes have them: the
// transactions alternate between the handles. Then it runs tests of how the handles affect
// each other. Each call of open returns two handles of a new, empty store; RunTwo closes them.
func RunTwo(t *testing.T, open func(t *testing.T) (a, b kv.Store)) {
	both := func(t *testing.T) kv.Store {
		a, b := open(t)
		return &alternating{handles: [2]kv.Store{a, b}}
	}
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			s := both(t)
			t.Cleanup(func() { s.Close() })
			c.run(t, s)
		})
	}
	t.Run("Model", func(t *testing.T) { testModel(t, both) })
	for _, c := range []struct {
		name string
		run  func(t *testing.T, a, b kv.Store)
	}{
		{"WhatOneSaysIsKeptTheOtherSees", testAcknowledged},
		{"NobodyStarves", testNobodyStarves},
		{"WatchHearsOfTheOther", testWatchOther},
		{"Superseded", testSuperseded},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := open(t)
			t.Cleanup(func() { a.Close(); b.Close() })
			c.run(t, a, b)
		})
	}
}

// alternating is a store that uses two handles in turn.
type alternating struct {
	handles [2]kv.Store
	n       atomic.Uint64
}

func (s *alternating) next() kv.Store { return s.handles[s.n.Add(1)%2] }

func (s *alternating) View(ctx context.Context, fn func(kv.Reader) error) error {
	return s.next().View(ctx, fn)
}

func (s *alternating) Update(ctx context.Context, fn func(kv.Tx) error) error {
	return s.next().Update(ctx, fn)
}

func (s *alternating) Watch(ctx context.Context, after uint64) (uint64, error) {
	return s.handles[0].Watch(ctx, after)
}

func (s *alternating) Stamp(ctx context.Context) (kv.Stamp, error) { return s.next().Stamp(ctx) }

func (s *alternating) Restamp(ctx context.Context, to kv.Stamp) error {
	return s.handles[0].Restamp(ctx, to)
}

func (s *alternating) Close() error {
	return errors.Join(s.handles[0].Close(), s.handles[1].Close())
}

// testAcknowledged checks that, once one handle has acknowledged a write, every kind of transaction
// that begins on the other handle sees it, even while other transactions are under way there.
func testAcknowledged(t *testing.T, a, b kv.Store) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	stop := make(chan struct{})
	busy := make(chan error, 2)
	for i, s := range []kv.Store{a, b} {
		go func() {
			for {
				select {
				case <-stop:
					busy <- nil
					return
				default:
				}
				if err := s.Update(ctx, func(tx kv.Tx) error { return add(tx, fmt.Sprint("busy/", i), 1) }); err != nil {
					busy <- err
					return
				}
			}
		}()
	}
	for n := range 60 {
		from, to := a, b
		if n%2 == 1 {
			from, to = b, a
		}
		key, want := "acknowledged", strconv.Itoa(n)
		if err := from.Update(ctx, func(tx kv.Tx) error { return tx.Put([]byte(key), []byte(want)) }); err != nil {
			t.Fatal(err)
		}
		check := func(r kv.Reader) error {
			got, err := get(r, key)
			if err == nil && got != want {
				err = fmt.Errorf("%q is %q after %q was acknowledged", key, got, want)
			}
			return err
		}
		for _, err := range []error{
			to.View(ctx, check),
			to.Update(ctx, func(tx kv.Tx) error { return check(tx) }),
			to.Update(ctx, func(tx kv.Tx) error { return errors.Join(check(tx), tx.Put([]byte("other"), []byte(want))) }),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	close(stop)
	if err := errors.Join(<-busy, <-busy); err != nil {
		t.Error(err)
	}
}

// testNobodyStarves checks that a handle with long transactions gets its turn beside one that writes all the time.
func testNobodyStarves(t *testing.T, a, b kv.Store) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	var stop atomic.Bool
	writers := make(chan []error)
	go func() {
		writers <- together(8, func(_ context.Context, i int) error {
			for !stop.Load() {
				if err := a.Update(ctx, func(tx kv.Tx) error { return add(tx, "hot", 1) }); err != nil {
					return err
				}
			}
			return nil
		})
	}()
	const rounds = 20
	most := 0
	for range rounds {
		runs := 0
		if err := b.Update(ctx, func(tx kv.Tx) error {
			runs++
			if err := add(tx, "hot", 1); err != nil {
				return err
			}
			time.Sleep(5 * time.Millisecond) // longer than a transaction of the other handle
			return add(tx, "slow", 1)
		}); err != nil {
			t.Fatalf("the slow handle: %v", err)
		}
		most = max(most, runs)
	}
	stop.Store(true)
	if err := errors.Join(<-writers...); err != nil {
		t.Error(err)
	}
	if most > 5 {
		t.Errorf("a transaction ran %d times: it should be let through at the latest when it runs again", most)
	}
	wantGet(t, a, "slow", strconv.Itoa(rounds))
}

func testWatchOther(t *testing.T, a, b kv.Store) {
	was := version(t, b)
	for range 5 {
		put(t, a, "k")
		now, ok := <-watched(b, was)
		if !ok || now <= was {
			t.Fatalf("Watch above %d returned %d (%v) after a commit of the other", was, now, ok)
		}
		wantGet(t, b, "k", "k")
		was = max(now, version(t, a), version(t, b))
	}
}

// testSuperseded checks that a handle that opened the store with an older stamp can no longer read or
// write, not even in a transaction that has begun.
func testSuperseded(t *testing.T, a, b kv.Store) {
	put(t, a, "k")
	put(t, b, "other")
	stamp, err := a.Stamp(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stamp.Generation++
	begun, goOn := make(chan struct{}, 100), make(chan struct{})
	late := make(chan error, 1)
	go func() {
		late <- b.Update(context.Background(), func(tx kv.Tx) error {
			err := add(tx, "late", 1)
			begun <- struct{}{}
			<-goOn
			return err
		})
	}()
	<-begun
	if err := a.Restamp(t.Context(), stamp); err != nil {
		t.Fatal(err)
	}
	close(goOn)
	if err := <-late; !errors.Is(err, kv.ErrSuperseded) {
		t.Errorf("an Update that had begun: %v, want ErrSuperseded", err)
	}
	for range 2 {
		if err := b.Update(t.Context(), func(tx kv.Tx) error { return tx.Put([]byte("late"), nil) }); !errors.Is(err, kv.ErrSuperseded) {
			t.Errorf("Update: %v, want ErrSuperseded", err)
		}
		if err := b.View(t.Context(), func(r kv.Reader) error { _, err := r.Get([]byte("k")); return err }); !errors.Is(err, kv.ErrSuperseded) {
			t.Errorf("View: %v, want ErrSuperseded", err)
		}
		if err := b.Restamp(t.Context(), stamp); !errors.Is(err, kv.ErrSuperseded) {
			t.Errorf("Restamp: %v, want ErrSuperseded", err)
		}
		if _, err := b.Watch(t.Context(), 0); !errors.Is(err, kv.ErrSuperseded) {
			t.Errorf("Watch: %v, want ErrSuperseded", err)
		}
	}
	put(t, a, "works")
	wantKeys(t, a, "k", "other", "works")
}
