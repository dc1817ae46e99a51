package kvtest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/rind-dev/rind/internal/kv"
)

// errUndo is the error with which the tests undo a transaction.
var errUndo = errors.New("kvtest: undo this")

// spoilAll writes, overwrites and deletes; none of it may stay.
func spoilAll(tx kv.Tx) error {
	return errors.Join(tx.Put([]byte("new"), []byte("new")), tx.Put([]byte("old"), []byte("changed")), tx.Delete([]byte("other")))
}

// wantUnspoiled checks that spoilAll left no trace and the store still works.
func wantUnspoiled(t *testing.T, s kv.Store) {
	t.Helper()
	wantKeys(t, s, "old", "other")
	wantGet(t, s, "old", "old")
	put(t, s, "works")
	wantGet(t, s, "works", "works")
}

func testErrorRollsBack(t *testing.T, s kv.Store) {
	put(t, s, "old", "other")
	err := s.Update(t.Context(), func(tx kv.Tx) error {
		if err := spoilAll(tx); err != nil {
			return err
		}
		return fmt.Errorf("wrapped: %w", errUndo)
	})
	if !errors.Is(err, errUndo) {
		t.Fatalf("Update returned %v, want fn's error", err)
	}
	wantUnspoiled(t, s)
	if err := s.View(t.Context(), func(kv.Reader) error { return errUndo }); !errors.Is(err, errUndo) {
		t.Errorf("View returned %v, want fn's error", err)
	}
}

func testPanicRollsBack(t *testing.T, s kv.Store) {
	put(t, s, "old", "other")
	if p := panicOf(func() {
		s.Update(t.Context(), func(tx kv.Tx) error {
			if err := spoilAll(tx); err != nil {
				return err
			}
			panic(errUndo)
		})
	}); p != errUndo {
		t.Fatalf("the panic of Update's fn came out as %v", p)
	}
	wantUnspoiled(t, s)
	if p := panicOf(func() {
		s.View(t.Context(), func(kv.Reader) error { panic(errUndo) })
	}); p != errUndo {
		t.Fatalf("the panic of View's fn came out as %v", p)
	}
	put(t, s, "works still")
}

func panicOf(f func()) (p any) {
	defer func() { p = recover() }()
	f()
	return nil
}

// testGoexitRollsBack ends the goroutine inside a transaction, as t.FailNow does.
func testGoexitRollsBack(t *testing.T, s kv.Store) {
	put(t, s, "old", "other")
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Update(context.Background(), func(tx kv.Tx) error {
			spoilAll(tx)
			runtime.Goexit()
			return nil
		})
	}()
	soon(t, done, "the end of the goroutine")
	wantUnspoiled(t, s)
}

func testReaderCannotWrite(t *testing.T, s kv.Store) {
	view(t, s, func(r kv.Reader) error {
		if _, ok := r.(kv.Tx); ok {
			return errors.New("the Reader of a View is a Tx: a type assertion would let it write")
		}
		return nil
	})
}

func testOnCommit(t *testing.T, s kv.Store) {
	var calls []string
	inside := false
	update(t, s, func(tx kv.Tx) error {
		inside = true
		defer func() { inside = false }()
		for _, name := range []string{"first", "second"} {
			tx.OnCommit(func() {
				if inside {
					t.Error("OnCommit's function ran inside of the transaction")
				}
				calls = append(calls, name)
				wantGet(t, s, "k", "k") // committed, and the store is free for other transactions
				put(t, s, "from "+name)
			})
		}
		return tx.Put([]byte("k"), []byte("k"))
	})
	if want := []string{"first", "second"}; !slices.Equal(calls, want) {
		t.Errorf("OnCommit called %q, want %q", calls, want)
	}
	wantKeys(t, s, "from first", "from second", "k")
}

func testOnCommitFailure(t *testing.T, s kv.Store) {
	called := func() { t.Error("OnCommit's function was called after a failure") }
	if err := s.Update(t.Context(), func(tx kv.Tx) error {
		tx.OnCommit(called)
		return errUndo
	}); !errors.Is(err, errUndo) {
		t.Fatal(err)
	}
	panicOf(func() {
		s.Update(t.Context(), func(tx kv.Tx) error {
			tx.OnCommit(called)
			panic("undo this")
		})
	})
	put(t, s, "later") // the success of another transaction must not call them
}

// testUseAfterEnd keeps a Tx and a Reader beyond their transactions.
func testUseAfterEnd(t *testing.T, s kv.Store) {
	var r kv.Reader
	var committed, undone kv.Tx
	update(t, s, func(tx kv.Tx) error {
		committed = tx
		return tx.Put([]byte("k"), []byte("v"))
	})
	if err := s.Update(t.Context(), func(tx kv.Tx) error { undone = tx; return errUndo }); !errors.Is(err, errUndo) {
		t.Fatal(err)
	}
	view(t, s, func(reader kv.Reader) error { r = reader; return nil })
	for i, r := range []kv.Reader{r, committed, undone} {
		if _, err := r.Get([]byte("k")); !errors.Is(err, kv.ErrTxEnded) {
			t.Errorf("%d: Get after the end: %v, want ErrTxEnded", i, err)
		}
		if _, err := r.Scan(nil, nil, 0, false); !errors.Is(err, kv.ErrTxEnded) {
			t.Errorf("%d: Scan after the end: %v, want ErrTxEnded", i, err)
		}
	}
	for i, tx := range []kv.Tx{committed, undone} {
		if err := tx.Put([]byte("k"), []byte("late")); !errors.Is(err, kv.ErrTxEnded) {
			t.Errorf("%d: Put after the end: %v, want ErrTxEnded", i, err)
		}
		if err := tx.Delete([]byte("k")); !errors.Is(err, kv.ErrTxEnded) {
			t.Errorf("%d: Delete after the end: %v, want ErrTxEnded", i, err)
		}
		if panicOf(func() { tx.OnCommit(func() {}) }) == nil {
			t.Errorf("%d: OnCommit after the end did not panic", i)
		}
	}
	wantGet(t, s, "k", "v")
}

func testContextDone(t *testing.T, s kv.Store) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	ran := false
	if err := s.View(ctx, func(kv.Reader) error { ran = true; return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("View: %v, want context.Canceled", err)
	}
	for range 20 { // a store that chooses at random between its lock and the context fails here
		if err := s.Update(ctx, func(kv.Tx) error { ran = true; return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("Update: %v, want context.Canceled", err)
		}
	}
	if ran {
		t.Error("fn ran although the context was done before")
	}
}

// testContextWaiting lets a transaction wait for another one and cancels it. A store
// that runs transactions side by side may commit it before that, which is just as good.
// It must not hang, or report a result that is not true.
func testContextWaiting(t *testing.T, s kv.Store) {
	holding, release, first := make(chan struct{}, 1), make(chan struct{}), make(chan error, 1)
	go func() {
		first <- s.Update(context.Background(), func(tx kv.Tx) error {
			select {
			case holding <- struct{}{}:
			default:
			}
			<-release
			return tx.Put([]byte("first"), nil)
		})
	}()
	<-holding
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	var err error
	go func() {
		defer close(done)
		err = s.Update(ctx, func(tx kv.Tx) error { return tx.Put([]byte("second"), nil) })
	}()
	cancel()
	soon(t, done, "the cancelled Update while another one holds the store")
	close(release)
	if err := <-first; err != nil {
		t.Fatalf("the first Update: %v", err)
	}
	want := []string{"first", "second"}
	if err != nil {
		want = want[:1]
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the cancelled Update: %v, want context.Canceled", err)
		}
	}
	wantKeys(t, s, want...)
}

func testClose(t *testing.T, s kv.Store) {
	put(t, s, "k")
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
	}
	if err := s.View(t.Context(), func(kv.Reader) error { return nil }); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("View of a closed store: %v, want ErrClosed", err)
	}
	if err := s.Update(t.Context(), func(kv.Tx) error { return nil }); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("Update of a closed store: %v, want ErrClosed", err)
	}
}
