package kvtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

// watched watches, from another goroutine, for a version above after.
func watched(s kv.Store, after uint64) <-chan uint64 {
	out := make(chan uint64, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if v, err := s.Watch(ctx, after); err == nil {
			out <- v
		}
		close(out)
	}()
	return out
}

func version(t testing.TB, s kv.Store) uint64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	v, err := s.Watch(ctx, 0)
	if err != nil || v == 0 {
		t.Fatalf("Watch for any version: %d, %v", v, err)
	}
	return v
}

func testWatch(t *testing.T, s kv.Store) {
	was := version(t, s)
	for range 3 {
		woken := watched(s, was)
		put(t, s, "k")
		now, ok := <-woken
		if !ok || now <= was {
			t.Fatalf("Watch above %d returned %d (%v) after a commit", was, now, ok)
		}
		if again := version(t, s); again < now {
			t.Errorf("version %d after %d", again, now)
		}
		was = now
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if v, err := s.Watch(ctx, 1<<62); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Watch for what does not come: %d, %v; want the context's error", v, err)
	}
	if v, err := s.Watch(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Watch with a context that is done: %d, %v; want its error", v, err)
	}
	waiting := make(chan error, 1)
	go func() { _, err := s.Watch(context.Background(), 1<<62); waiting <- err }()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-waiting:
		if !errors.Is(err, kv.ErrClosed) {
			t.Errorf("Watch when the store closes: %v, want ErrClosed", err)
		}
	case <-time.After(patience):
		t.Error("Watch goes on although the store is closed")
	}
}

func testStamp(t *testing.T, s kv.Store) {
	stamp := func() kv.Stamp {
		t.Helper()
		out, err := s.Stamp(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	was := stamp()
	if was != (kv.Stamp{Generation: 1, Layout: kv.Layout}) {
		t.Errorf("a new store has the stamp %+v", was)
	}
	for _, lower := range []kv.Stamp{{Generation: 0, Layout: kv.Layout}, {Generation: 5, Layout: kv.Layout - 1}} {
		if err := s.Restamp(t.Context(), lower); err == nil || stamp() != was {
			t.Errorf("Restamp to %+v: %v, and it has %+v", lower, err, stamp())
		}
	}
	next := kv.Stamp{Generation: 3, Layout: kv.Layout + 1}
	for range 2 { // setting the same stamp again is no error
		if err := s.Restamp(t.Context(), next); err != nil || stamp() != next {
			t.Errorf("Restamp: %v, and it has %+v", err, stamp())
		}
	}
	put(t, s, "k") // the handle that set the stamp goes on working
	wantKeys(t, s, "k")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Restamp(ctx, next); !errors.Is(err, context.Canceled) {
		t.Errorf("Restamp with a context that is done: %v", err)
	}
}
