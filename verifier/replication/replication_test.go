package replication

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// run starts a follower inside a bubble of synctest, and returns how to stop it.
func run(t *testing.T, cfg Config) (f *Follower, stop func()) {
	t.Helper()
	f = New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	return f, func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run ended with %v", err)
		}
	}
}

func has(t *testing.T, s *rootkeys.Store, n int) bool {
	t.Helper()
	_, err := s.Lookup(context.Background(), tokenID(n), "")
	if err != nil && !errors.Is(err, verifier.ErrUnknownToken) {
		t.Fatal(err)
	}
	return err == nil
}

func TestFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, store := newHistory(t, 25), openStore(t)
		f, stop := run(t, Config{Source: source, Store: store, Batch: 10})
		synctest.Wait()
		if got := store.Position(); got != source.position || !has(t, store, 25) {
			t.Errorf("at %+v of %+v", got, source.position)
		}
		for _, limit := range source.limits {
			if limit != 10 {
				t.Errorf("asked for %d at once", limit)
			}
		}
		if got := source.count("changes"); got != 3 {
			t.Errorf("%d calls for 25 changes in batches of 10", got)
		}
		began := time.Now()
		source.commit(tokenChange(t, 26))
		synctest.Wait()
		if !has(t, store, 26) || time.Since(began) != 0 {
			t.Errorf("a new token took %s", time.Since(began))
		}
		if err := f.Err(); err != nil {
			t.Error(err)
		}
		stop()
	})
}

func TestHeardAtEachHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, store := newHistory(t, 1), openStore(t)
		_, stop := run(t, Config{Source: source, Store: store, Heartbeat: 3 * time.Second})
		began := time.Now()
		for _, after := range []time.Duration{0, 3 * time.Second, 6 * time.Second} {
			time.Sleep(time.Until(began.Add(after)))
			synctest.Wait()
			if got := store.LastHeard(); !got.Equal(began.Add(after)) {
				t.Errorf("after %s heard %s ago", after, time.Since(got))
			}
		}
		// While the issuer does not answer, it was not heard.
		source.set(func() { source.fail["position"] = errDown })
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := store.LastHeard(); !got.Equal(began.Add(6 * time.Second)) {
			t.Errorf("heard %s after the start", got.Sub(began))
		}
		stop()
	})
}

func TestComesBackAfterErrors(t *testing.T) {
	for _, call := range []string{"position", "changes", "wait"} {
		t.Run(call, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source, store := newHistory(t, 3), openStore(t)
				source.fail[call] = errDown
				var log bytes.Buffer
				f, stop := run(t, Config{Source: source, Store: store, Logger: slog.New(slog.NewTextHandler(&log, nil))})
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				if err := f.Err(); !errors.Is(err, errDown) {
					t.Errorf("%v", err)
				}
				// Doubled pauses up to 10 s, halved by chance: some 65 to 130 tries in 10 minutes.
				if got := source.count(call); got < 60 || got > 140 {
					t.Errorf("%d tries in 10 minutes", got)
				}
				source.set(func() { delete(source.fail, call) })
				time.Sleep(lastPause + 5*time.Second) // and one heartbeat
				synctest.Wait()
				if f.Err() != nil || !has(t, store, 3) {
					t.Errorf("not following again: %v", f.Err())
				}
				stop()
				if s := log.String(); !strings.Contains(s, "can't follow the issuer") || !strings.Contains(s, errDown.Error()) || !strings.Contains(s, "following the issuer again") {
					t.Errorf("logged %s", s)
				}
			})
		})
	}
}

func TestPausesGrow(t *testing.T) {
	for failures := range 40 {
		want := lastPause
		if failures < 7 {
			want = min(lastPause, firstPause<<failures)
		}
		low, high := want, time.Duration(0)
		for range 200 {
			d := pause(failures)
			low, high = min(low, d), max(high, d)
		}
		if low < want/2 || high > want || high-low < want/4 {
			t.Errorf("after %d failures between %s and %s, want the half of %s to all of it", failures, low, high, want)
		}
	}
}

// TestSourcesThatMakeNoSense must neither be believed nor asked without a pause.
func TestSourcesThatMakeNoSense(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*history)
		is    error
		says  string
	}{
		{"another issuer", func(h *history) { h.position.Issuer = "00000000-0000-4000-8000-000000000002" }, rootkeys.ErrOtherIssuer, ""},
		{"an older epoch", func(h *history) { h.position.Epoch = 0 }, rootkeys.ErrWentBack, ""},
		{"an older revision", func(h *history) { h.position.Revision = 1 }, rootkeys.ErrWentBack, ""},
		{"a gap", func(h *history) {
			h.position.Revision = 9
			h.sets = append(h.sets, rootkeys.ChangeSet{Revision: 9})
		}, rootkeys.ErrGap, ""},
		{"a head without changes", func(h *history) { h.position.Revision = 9 }, nil, "has no changes behind 3"},
		{"changes that are gone", func(h *history) {
			h.position.Revision = 9
			h.fail["changes"] = ErrCompacted
		}, ErrCompacted, ""},
		{"an announcement of nothing", func(h *history) { h.spurious = true }, nil, "announced a change and has none"},
		{"a new epoch under way", func(h *history) {
			h.position.Revision = 9
			h.sets = append(h.sets, rootkeys.ChangeSet{Revision: 4})
			h.on = func(call string) {
				if call == "changes" {
					h.position.Epoch++
				}
			}
		}, nil, "new epoch under way"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source, store := newHistory(t, 3), openStore(t)
				f, stop := run(t, Config{Source: source, Store: store})
				synctest.Wait()
				epoch := store.Position().Epoch
				source.set(func() {
					c.spoil(source)
					clear(source.calls)
				})
				began := time.Now()
				time.Sleep(7 * time.Second) // behind the next heartbeat
				synctest.Wait()
				err := f.Err()
				if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%v, want %v saying %q", err, c.is, c.says)
				}
				if got := source.count("position"); got > 30 {
					t.Errorf("%d calls in %s", got, time.Since(began))
				}
				if got := store.Position(); got.Revision > 3 || got.Epoch != epoch && got.Revision != 0 {
					t.Errorf("the store went to %+v", got)
				}
				stop()
			})
		})
	}
}

// TestNewEpoch shows that the operator's word is enough: nobody restarts the verifier.
func TestNewEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, store := newHistory(t, 5), openStore(t)
		f, stop := run(t, Config{Source: source, Store: store})
		synctest.Wait()
		source.set(func() { // restored from a backup of revision 3
			source.sets, source.position.Revision, source.position.Chain = source.sets[:3], 3, source.sets[2].Chain
		})
		time.Sleep(time.Minute)
		if err := f.Err(); !errors.Is(err, rootkeys.ErrWentBack) || !errors.Is(err, ErrOtherHistory) || f.Status().Usable || !f.Status().Parted {
			t.Errorf("%v", err)
		}
		if store.Position().Revision != 5 {
			t.Errorf("went back to %+v", store.Position())
		}
		source.set(func() { source.position.Epoch = 2 })
		time.Sleep(lastPause)
		synctest.Wait()
		if f.Err() != nil || store.Position() != source.position || has(t, store, 5) || !has(t, store, 3) {
			t.Errorf("at %+v: %v", store.Position(), f.Err())
		}
		stop()
	})
}

func TestCatchUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, store := newHistory(t, 3), openStore(t)
		f, stop := run(t, Config{Source: source, Store: store, Batch: 1})
		if err := f.CatchUp(t.Context(), 3); err != nil || !has(t, store, 3) {
			t.Fatalf("not there: %v", err)
		}
		done := make(chan error, 8)
		for range cap(done) { // before the revision exists
			go func() { done <- f.CatchUp(t.Context(), 5) }()
		}
		synctest.Wait()
		source.commit(tokenChange(t, 4))
		synctest.Wait()
		if len(done) != 0 {
			t.Error("came back before the revision")
		}
		source.commit(tokenChange(t, 5))
		for range cap(done) {
			if err := <-done; err != nil || !has(t, store, 5) {
				t.Errorf("%v", err)
			}
		}
		stop()
	})
}

func TestCatchUpEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, store := newHistory(t, 3), openStore(t)
		source.fail["changes"] = errDown
		f, stop := run(t, Config{Source: source, Store: store})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		err := f.CatchUp(ctx, 3)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errDown) || time.Since(began) != time.Minute {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		stop()
	})
}

// TestCatchUpWaitsWhileFilling shows that having a revision is not enough where the
// store can't answer yet.
func TestCatchUpWaitsWhileFilling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, store := newHistory(t, 3), openStore(t)
		source.on = func(call string) {
			if call == "changes" && source.calls[call] == 2 {
				source.fail["changes"] = errDown
			}
		}
		f, stop := run(t, Config{Source: source, Store: store, Batch: 1})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := f.CatchUp(ctx, 1); !errors.Is(err, context.DeadlineExceeded) || store.Position().Revision != 1 {
			t.Errorf("at %+v: %v", store.Position(), err)
		}
		stop()
	})
}

func TestRunsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, stop := run(t, Config{Source: newHistory(t, 1), Store: openStore(t)})
		synctest.Wait()
		if err := f.Run(t.Context()); err == nil {
			t.Error("ran twice")
		}
		stop()
	})
}

// TestEndsWhilePausing shows that Run does not sit out a pause.
func TestEndsWhilePausing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := newHistory(t, 1)
		source.fail["position"] = errDown
		_, stop := run(t, Config{Source: source, Store: openStore(t)})
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		began := time.Now()
		stop()
		if time.Since(began) != 0 {
			t.Errorf("ended after %s", time.Since(began))
		}
	})
}

func TestClockAndSleepAreInjected(t *testing.T) {
	source, store := newHistory(t, 1), openStore(t)
	source.fail["position"] = errDown
	ctx, cancel := context.WithCancel(context.Background())
	source.on = func(call string) {
		if call == "wait" { // it follows again
			cancel()
		}
	}
	var slept []time.Duration
	at := time.Unix(1800000000, 0)
	f := New(Config{Source: source, Store: store, Clock: func() time.Time { return at },
		Sleep: func(_ context.Context, d time.Duration) {
			slept = append(slept, d)
			if len(slept) == 3 {
				source.set(func() { delete(source.fail, "position") })
			}
		}})
	if err := f.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if len(slept) != 3 || slept[0] > firstPause || slept[2] < 2*firstPause || !store.LastHeard().Equal(at) {
		t.Errorf("slept %v, heard %v", slept, store.LastHeard())
	}
}
