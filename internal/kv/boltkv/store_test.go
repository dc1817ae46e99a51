package boltkv

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/rind-dev/rind/internal/kv"
)

// TestWaitingWriterGivesUp: writers take turns, and one that is cancelled while
// it waits never runs.
func TestWaitingWriterGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, filepath.Join(t.TempDir(), "store.db"))
		release := make(chan struct{})
		first := make(chan error, 1)
		go func() {
			first <- s.Update(context.Background(), func(kv.Tx) error { <-release; return nil })
		}()
		synctest.Wait() // the first one holds the store
		ctx, cancel := context.WithCancel(context.Background())
		second := make(chan error, 1)
		go func() {
			second <- s.Update(ctx, func(kv.Tx) error { t.Error("the cancelled writer ran"); return nil })
		}()
		synctest.Wait() // the second one waits
		cancel()
		if err := <-second; !errors.Is(err, context.Canceled) {
			t.Errorf("the cancelled writer: %v, want context.Canceled", err)
		}
		if err := s.View(context.Background(), func(kv.Reader) error { return nil }); err != nil {
			t.Errorf("a reader beside a writer: %v", err)
		}
		close(release)
		if err := <-first; err != nil {
			t.Errorf("the first writer: %v", err)
		}
	})
}

// TestCloseWaits: transactions under way end before the store closes, and those
// that wait behind it are told.
func TestCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, filepath.Join(t.TempDir(), "store.db"))
		release := make(chan struct{})
		writer, closer, late := make(chan error, 1), make(chan error, 1), make(chan error, 1)
		go func() {
			writer <- s.Update(context.Background(), func(tx kv.Tx) error {
				<-release
				return tx.Put([]byte("k"), nil)
			})
		}()
		synctest.Wait()
		go func() { closer <- s.Close() }()
		synctest.Wait()
		go func() { late <- s.Update(context.Background(), func(kv.Tx) error { return nil }) }()
		synctest.Wait()
		select {
		case err := <-closer:
			t.Errorf("Close returned %v while a writer was at work", err)
		default:
		}
		close(release)
		if err := errors.Join(<-writer, <-closer); err != nil {
			t.Errorf("writer and Close: %v", err)
		}
		if err := <-late; !errors.Is(err, kv.ErrClosed) {
			t.Errorf("the writer behind Close: %v, want ErrClosed", err)
		}
	})
}

func BenchmarkUpdate(b *testing.B) {
	s := mustOpen(b, filepath.Join(b.TempDir(), "store.db"))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := s.Update(b.Context(), func(tx kv.Tx) error { return tx.Put(record(i%1000), content(i)) }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	path := filepath.Join(b.TempDir(), "store.db")
	fill(b, path, 10_000)
	s := mustOpen(b, path)
	key := record(5_000)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.View(b.Context(), func(r kv.Reader) error { _, err := r.Get(key); return err }); err != nil {
			b.Fatal(err)
		}
	}
}
