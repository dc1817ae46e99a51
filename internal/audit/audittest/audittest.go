// Package audittest checks that the tests of a package cover its rows in the audit trail: for each
// kind of row that the package writes, one of its tests has to write one.
package audittest

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
)

// Coverage collects the kinds of rows in the stores of tests. Several goroutines may call its
// methods.
type Coverage struct {
	mu   sync.Mutex
	seen map[string]bool
}

// Watch collects the kinds of rows in a store when t ends. Call it after the t.Cleanup that
// closes the store, so that it runs before that; it skips a store that is already closed.
func (c *Coverage) Watch(t testing.TB, store func() kv.Store) {
	t.Cleanup(func() {
		err := store().View(context.Background(), func(r kv.Reader) error {
			pairs, err := r.Scan([]byte("audit/row/"), nil, 0, false)
			if err != nil {
				return err
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.seen == nil {
				c.seen = make(map[string]bool)
			}
			for _, p := range pairs {
				var e audit.Event
				if json.Unmarshal(p.Value, &e) == nil { // some tests damage rows
					c.seen[e.Kind] = true
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, kv.ErrClosed) && t.Failed() {
			t.Logf("the audit trail was not read: %v", err)
		}
	})
}

// Run runs the tests of a package, which room names as in audit.Kind, and returns the exit code. If
// all of them ran and passed, the exit code is 1 unless they wrote every kind of row that the package
// writes.
func (c *Coverage) Run(m *testing.M, room string) int {
	code := m.Run()
	if code != 0 || !whole() {
		return code
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	of := 0
	for _, k := range audit.Kinds() {
		if k.Room != room {
			continue
		}
		of++
		if !c.seen[k.Name] {
			fmt.Fprintf(os.Stderr, "audittest: no test of %s writes a row %q\n", room, k.Name)
			code = 1
		}
	}
	if of == 0 {
		fmt.Fprintf(os.Stderr, "audittest: no kind of row is of the room %q\n", room)
		return 1
	}
	return code
}

// whole reports whether the flags ask for all tests.
func whole() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list", "test.fuzz", "test.bench"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return false
		}
	}
	return !testing.Short()
}
