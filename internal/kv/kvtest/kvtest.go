// Package kvtest is the conformance suite of kv: it tests what every implementation
// must do, beyond what the compiler checks.
//
// An implementation runs it from a test of its own:
//
//	func TestConformance(t *testing.T) {
//		kvtest.Run(t, func(t *testing.T) kv.Store { … })
//	}
//
// The suite tests the promises of package kv and nothing more: it allows an
// implementation to run the function of a transaction more than once, and to run
// transactions at the same time.
package kvtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

// patience is how long a step that must not block may take.
const patience = 30 * time.Second

// Run runs the suite. Each call of open returns a new, empty store; Run closes it.
func Run(t *testing.T, open func(t *testing.T) kv.Store) {
	for _, c := range append(cases(), onlyOne...) {
		t.Run(c.name, func(t *testing.T) {
			s := open(t)
			t.Cleanup(func() { s.Close() })
			c.run(t, s)
		})
	}
	t.Run("Model", func(t *testing.T) { testModel(t, open) })
}

type testCase struct {
	name string
	run  func(t *testing.T, s kv.Store)
}

// onlyOne are the cases that only Run has, not RunTwo: they need a single handle.
var onlyOne = []testCase{{"Stamp", testStamp}}

func cases() []testCase {
	return []testCase{
		{"PutGetDelete", testPutGetDelete},
		{"EmptyValue", testEmptyValue},
		{"BinaryKeys", testBinaryKeys},
		{"Limits", testLimits},
		{"JSON", testJSON},
		{"SlicesAreTheCallers", testSlices},
		{"Scan", testScan},
		{"ScanEdges", testScanEdges},
		{"ScanSeesOwnWrites", testScanOwnWrites},
		{"ScanOfManyPages", testScanManyPages},
		{"ScanAfterDeletes", testScanAfterDeletes},
		{"ErrorRollsBack", testErrorRollsBack},
		{"PanicRollsBack", testPanicRollsBack},
		{"GoexitRollsBack", testGoexitRollsBack},
		{"ReaderCannotWrite", testReaderCannotWrite},
		{"OnCommit", testOnCommit},
		{"OnCommitNotOnFailure", testOnCommitFailure},
		{"UseAfterTheEnd", testUseAfterEnd},
		{"ContextDone", testContextDone},
		{"ContextDoneWhileWaiting", testContextWaiting},
		{"Close", testClose},
		{"Counters", testCounters},
		{"WriteSkew", testWriteSkew},
		{"UniqueIndex", testUniqueIndex},
		{"PhantomsInScans", testPhantoms},
		{"ViewIsOneMoment", testViewIsOneMoment},
		{"GetMany", testGetMany},
		{"Each", testEach},
		{"BoundsOfReads", testReadBounds},
		{"BoundsOfTransactions", testTxBounds},
		{"Watch", testWatch},
	}
}

// update runs fn in an Update that must succeed.
func update(t testing.TB, s kv.Store, fn func(kv.Tx) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Update(ctx, fn); err != nil {
		t.Fatalf("Update: %v", err)
	}
}

// view runs fn in a View that must succeed.
func view(t testing.TB, s kv.Store, fn func(kv.Reader) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.View(ctx, fn); err != nil {
		t.Fatalf("View: %v", err)
	}
}

// put stores each key with its own name as the value.
func put(t testing.TB, s kv.Store, keys ...string) {
	t.Helper()
	update(t, s, func(tx kv.Tx) error {
		for _, k := range keys {
			if err := tx.Put([]byte(k), []byte(k)); err != nil {
				return err
			}
		}
		return nil
	})
}

// dump returns all keys of the store, in its order.
func dump(t testing.TB, s kv.Store) []string {
	t.Helper()
	var keys []string
	view(t, s, func(r kv.Reader) (err error) {
		keys, err = scan(r, "", nil, 0, false)
		return err
	})
	return keys
}

// scan returns the keys of a Scan.
func scan(r kv.Reader, prefix string, after []byte, limit int, reverse bool) ([]string, error) {
	pairs, err := r.Scan([]byte(prefix), after, limit, reverse)
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, p := range pairs {
		keys = append(keys, string(p.Key))
	}
	return keys, nil
}

// get returns the value under key, or "missing" if there is none.
func get(r kv.Reader, key string) (string, error) {
	v, err := r.Get([]byte(key))
	if errors.Is(err, kv.ErrNotFound) {
		return "missing", nil
	}
	return string(v), err
}

// wantGet checks the value under key in a View.
func wantGet(t testing.TB, s kv.Store, key, want string) {
	t.Helper()
	view(t, s, func(r kv.Reader) error {
		got, err := get(r, key)
		if err == nil && got != want {
			err = fmt.Errorf("%q is %q, want %q", key, got, want)
		}
		return err
	})
}

func wantKeys(t testing.TB, s kv.Store, want ...string) {
	t.Helper()
	if got := dump(t, s); !slices.Equal(got, want) {
		t.Errorf("the store holds %q, want %q", got, want)
	}
}

// soon fails the test if done is not closed in time.
func soon(t testing.TB, done <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("%s: not within %s", what, patience)
	}
}
