package move

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/boltkv"
	"github.com/rind-dev/rind/internal/kv/pgkv"
	"github.com/rind-dev/rind/internal/pgtest"
)

var schemas atomic.Int64

// sides makes an empty store of each kind; the function opens another handle of it.
func sides(t *testing.T) map[string]func() func() Side {
	open := func(name string, fn func() (kv.Store, error)) func() Side {
		return func() Side {
			s, err := fn()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			return Side{s, name}
		}
	}
	return map[string]func() func() Side{
		"bolt": func() func() Side {
			path := filepath.Join(t.TempDir(), "rind.db")
			return open(path, func() (kv.Store, error) { return boltkv.Open(path, boltkv.Options{}) })
		},
		"postgres": func() func() Side {
			schema := fmt.Sprintf("move%d", schemas.Add(1))
			return open("the database "+schema, func() (kv.Store, error) {
				return pgkv.Open(context.Background(), pgkv.Options{URL: pgtest.Shared(t).URL(), Schema: schema})
			})
		},
	}
}

func fill(t *testing.T, s kv.Store, n int) {
	t.Helper()
	if err := s.Update(t.Context(), func(tx kv.Tx) error {
		for i := range n {
			value := []byte(fmt.Sprint("value ", i))
			if i%500 == 0 {
				value = make([]byte, kv.MaxValue)
			}
			if i%7 == 0 {
				value = nil
			}
			if err := tx.Put(fmt.Appendf(nil, "room/%06d", i), value); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// cutStore fails the nth Update from now on, before it or, as a lost answer, behind it.
type cutStore struct {
	kv.Store
	left   int
	behind bool
}

var errCut = errors.New("the process was killed")

func (s *cutStore) Update(ctx context.Context, fn func(kv.Tx) error) error {
	s.left--
	if s.left > 0 {
		return s.Store.Update(ctx, fn)
	}
	if s.left == 0 && s.behind {
		if err := s.Store.Update(ctx, fn); err != nil {
			return err
		}
	}
	return errCut
}

// A copy between all kinds is complete however often it is cut short, at each of its writes to either side; in between nobody can
// use either store, and in the end the target alone.
func TestCopyCutShort(t *testing.T) {
	for _, kinds := range [][2]string{{"bolt", "postgres"}, {"postgres", "bolt"}, {"postgres", "postgres"}} {
		t.Run(strings.Join(kinds[:], " to "), func(t *testing.T) {
			t.Parallel()
			from, to := sides(t)[kinds[0]]()(), sides(t)[kinds[1]]()()
			const n = 3500
			fill(t, from.Store, n)
			for cut := 1; ; cut++ {
				a, b := from, to
				a.Store = &cutStore{from.Store, 1 << 30, cut%2 == 0}
				b.Store = &cutStore{to.Store, 2, cut%2 == 0}
				if cut%3 == 0 {
					a.Store, b.Store = &cutStore{from.Store, 1, cut%2 == 0}, to.Store
				}
				result, err := Copy(t.Context(), a, b, time.Now(), nil)
				if err == nil {
					t.Fatalf("nothing was cut: %+v", result)
				}
				if errors.Is(err, ErrMoved) { // the last answer was lost
					break
				}
				if !errors.Is(err, errCut) {
					t.Fatalf("cut %d: %v", cut, err)
				}
				fromErr, toErr := Check(t.Context(), from.Store), Check(t.Context(), to.Store)
				if fromErr == nil && toErr == nil && cut > 3 {
					t.Fatalf("cut %d: both can be used", cut)
				}
				if errors.Is(fromErr, ErrMoved) && toErr != nil {
					result, err := Copy(t.Context(), from, to, time.Now(), nil)
					if err != nil || result.Pairs != n || len(result.SHA256) != 64 {
						t.Fatalf("%+v, %v", result, err)
					}
					break
				}
				if cut > 40 {
					t.Fatal("it does not come to an end")
				}
			}
			if err := Check(t.Context(), to.Store); err != nil {
				t.Errorf("the target: %v", err)
			}
			if err := Check(t.Context(), from.Store); !errors.Is(err, ErrMoved) || !strings.Contains(err.Error(), to.Name) {
				t.Errorf("the source: %v", err)
			}
			if _, err := Copy(t.Context(), from, to, time.Now(), nil); !errors.Is(err, ErrMoved) {
				t.Errorf("copied again: %v", err)
			}
			if err := Undo(t.Context(), from.Store); !errors.Is(err, ErrMoved) {
				t.Errorf("undone: %v", err)
			}
			back := sides(t)[kinds[0]]()()
			result, err := Copy(t.Context(), to, back, time.Now(), nil)
			if err != nil || result.Pairs != n {
				t.Errorf("back: %+v, %v", result, err)
			}
		})
	}
}

// Of two targets of one source only one can be completed; a target with anything in it is refused; a copy that is given up
// leaves the source in use and its target not.
func TestCopiesThatAreRefused(t *testing.T) {
	bolt := sides(t)["bolt"]
	from, first, second, full := bolt()(), bolt()(), bolt()(), bolt()()
	fill(t, from.Store, 2500)
	fill(t, full.Store, 1)
	if _, err := Copy(t.Context(), from, full, time.Now(), nil); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("a target that is not empty: %v", err)
	}
	if err := Check(t.Context(), from.Store); err != nil {
		t.Errorf("the source, after a target that was refused: %v", err)
	}
	cut := first
	cut.Store = &cutStore{Store: first.Store, left: 3}
	if _, err := Copy(t.Context(), from, cut, time.Now(), nil); !errors.Is(err, errCut) {
		t.Fatal(err)
	}
	for name, s := range map[string]Side{"source": from, "target": first} {
		if err := Check(t.Context(), s.Store); !errors.Is(err, ErrUnfinished) || !strings.Contains(err.Error(), "run the same 'rind store copy' again") {
			t.Errorf("the %s of an unfinished copy: %v", name, err)
		}
	}
	if _, err := Copy(t.Context(), first, second, time.Now(), nil); !errors.Is(err, ErrUnfinished) {
		t.Errorf("a copy of half a copy: %v", err)
	}
	if _, err := Copy(t.Context(), from, second, time.Now(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := Copy(t.Context(), from, first, time.Now(), nil); !errors.Is(err, ErrMoved) {
		t.Errorf("a second target of the same source: %v", err)
	}

	from, first = bolt()(), bolt()()
	fill(t, from.Store, 2500)
	cut = first
	cut.Store = &cutStore{Store: first.Store, left: 3}
	if _, err := Copy(t.Context(), from, cut, time.Now(), nil); !errors.Is(err, errCut) {
		t.Fatal(err)
	}
	if err := Undo(t.Context(), from.Store); err != nil {
		t.Fatal(err)
	}
	if err := Check(t.Context(), from.Store); err != nil {
		t.Errorf("a source whose copy was given up: %v", err)
	}
	if _, err := Copy(t.Context(), from, first, time.Now(), nil); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("the target of a copy that was given up: %v", err)
	}
	if err := Undo(t.Context(), from.Store); err == nil {
		t.Error("there was nothing to undo")
	}
}

// A source that others have open is taken from them.
func TestTheSourceIsTaken(t *testing.T) {
	open := sides(t)["postgres"]()
	other, from, to := open(), open(), sides(t)["bolt"]()()
	fill(t, from.Store, 10)
	if _, err := Copy(t.Context(), from, to, time.Now(), nil); err != nil {
		t.Fatal(err)
	}
	if err := other.Store.Update(t.Context(), func(tx kv.Tx) error { return tx.Put([]byte("late"), nil) }); !errors.Is(err, kv.ErrSuperseded) {
		t.Errorf("a write to a store that was copied: %v", err)
	}
}
