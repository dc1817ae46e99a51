package kv_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/boltkv"
)

// Follow looks at once and after commits, tries again after an error, tells of the first error in a row and
// of its end, and ends with what does not pass.
func TestFollow(t *testing.T) {
	s, err := boltkv.Open(filepath.Join(t.TempDir(), "rind.db"), boltkv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	away, over := errors.New("away"), errors.New("over")
	looked, results, ended := make(chan struct{}), make(chan error), make(chan error, 1)
	var heard []error
	go func() {
		ended <- kv.Follow(t.Context(), s, func(context.Context) error {
			looked <- struct{}{}
			return <-results
		}, func(err error) { heard = append(heard, err) })
	}()
	put := func() {
		t.Helper()
		if err := s.Update(t.Context(), func(tx kv.Tx) error { return tx.Put([]byte("k"), []byte("v")) }); err != nil {
			t.Error(err)
		}
	}
	<-looked
	put() // while it looks: it looks once more
	put()
	results <- nil
	<-looked
	results <- away
	<-looked // without a commit
	results <- away
	<-looked
	results <- nil
	put()
	<-looked
	if len(heard) != 2 || !errors.Is(heard[0], away) || heard[1] != nil {
		t.Errorf("told: %v", heard)
	}
	results <- kv.Stop{Err: over}
	if err := <-ended; !errors.Is(err, over) {
		t.Errorf("ended with %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := kv.Follow(t.Context(), s, func(context.Context) error { return nil }, nil); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("on a closed store: %v", err)
	}
}
