package kvtest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rind-dev/rind/internal/kv"
)

// errTaken is the error of a transaction that another one got ahead of.
var errTaken = errors.New("kvtest: taken")

// together runs f n times at once and returns the errors; the context ends calls that hang.
func together(n int, f func(ctx context.Context, i int) error) []error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(ctx, i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// testCounters adds to one number from many goroutines; no addition may be lost.
func testCounters(t *testing.T, s kv.Store) {
	const workers, each = 16, 10
	var commits atomic.Int64
	for _, err := range together(workers, func(ctx context.Context, _ int) error {
		for range each {
			if err := s.Update(ctx, func(tx kv.Tx) error {
				tx.OnCommit(func() { commits.Add(1) })
				return add(tx, "counter", 1)
			}); err != nil {
				return err
			}
		}
		return nil
	}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	wantGet(t, s, "counter", strconv.Itoa(workers*each))
	if n := commits.Load(); n != workers*each {
		t.Errorf("OnCommit was called %d times for %d commits", n, workers*each)
	}
}

// add adds to the number under key; a missing number counts as 0.
func add(tx kv.Tx, key string, by int) error {
	v, err := tx.Get([]byte(key))
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	n := 0
	if err == nil {
		n, err = strconv.Atoi(string(v))
		if err != nil {
			return err
		}
	}
	return tx.Put([]byte(key), []byte(strconv.Itoa(n+by)))
}

// testWriteSkew lets two owners leave a project at once, if each sees that the other
// is still there. Snapshot isolation lets both go, serializability only one.
func testWriteSkew(t *testing.T, s kv.Store) {
	for round := range 25 {
		owners := []string{fmt.Sprintf("owner/%d/ada", round), fmt.Sprintf("owner/%d/bob", round)}
		put(t, s, owners...)
		errs := together(2, func(ctx context.Context, i int) error {
			return s.Update(ctx, func(tx kv.Tx) error {
				if there, err := kv.Exists(tx, owners[1-i]); err != nil {
					return err
				} else if !there {
					return errTaken
				}
				return tx.Delete([]byte(owners[i]))
			})
		})
		if n := count(t, errs, errTaken); n != 1 {
			t.Fatalf("round %d: %d of 2 owners were refused, want 1", round, n)
		}
	}
}

// testUniqueIndex lets 32 goroutines take one name; only one of them may get it.
func testUniqueIndex(t *testing.T, s kv.Store) {
	const n = 32
	for round := range 5 {
		name := fmt.Sprintf("name/%d", round)
		errs := together(n, func(ctx context.Context, i int) error {
			return s.Update(ctx, func(tx kv.Tx) error {
				if there, err := kv.Exists(tx, name); err != nil {
					return err
				} else if there {
					return errTaken
				}
				if err := add(tx, "names", 1); err != nil {
					return err
				}
				return tx.Put([]byte(name), []byte(strconv.Itoa(i)))
			})
		})
		if refused := count(t, errs, errTaken); refused != n-1 {
			t.Fatalf("%d of %d got the name", n-refused, n)
		}
		for i, err := range errs {
			if err == nil {
				wantGet(t, s, name, strconv.Itoa(i))
			}
		}
		wantGet(t, s, "names", strconv.Itoa(round+1))
	}
}

// testPhantoms lets 16 goroutines add to a list that has room for 5: a transaction
// must notice new keys in a range that it has scanned.
func testPhantoms(t *testing.T, s kv.Store) {
	errs := together(16, func(ctx context.Context, i int) error {
		return s.Update(ctx, func(tx kv.Tx) error {
			list, err := tx.Scan([]byte("list/"), nil, 0, false)
			if err != nil {
				return err
			}
			if len(list) >= 5 {
				return errTaken
			}
			return tx.Put([]byte(fmt.Sprintf("list/%02d", i)), nil)
		})
	})
	if refused := count(t, errs, errTaken); refused != 11 {
		t.Errorf("%d of 16 were refused, want 11", refused)
	}
	if got := dump(t, s); len(got) != 5 {
		t.Errorf("the list holds %q, want 5 keys", got)
	}
}

// count counts the errors that are want, and fails the test at others.
func count(t *testing.T, errs []error, want error) (n int) {
	t.Helper()
	for _, err := range errs {
		if errors.Is(err, want) {
			n++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// testViewIsOneMoment moves amounts between two accounts while readers add up both
// balances, by Get and by Scan.
func testViewIsOneMoment(t *testing.T, s kv.Store) {
	update(t, s, func(tx kv.Tx) error { return errors.Join(add(tx, "sum/a", 100), add(tx, "sum/b", 100)) })
	var stop atomic.Bool
	errs := together(4, func(ctx context.Context, i int) error {
		if i == 0 {
			defer stop.Store(true)
			for n := range 60 {
				if err := s.Update(ctx, func(tx kv.Tx) error {
					return errors.Join(add(tx, "sum/a", n), add(tx, "sum/b", -n))
				}); err != nil {
					return err
				}
			}
			return nil
		}
		for !stop.Load() {
			if err := s.View(ctx, checkSum); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}

func checkSum(r kv.Reader) error {
	a, err := get(r, "sum/a")
	if err != nil {
		return err
	}
	pairs, err := r.Scan([]byte("sum/"), nil, 0, true)
	if err != nil {
		return err
	}
	b, err := get(r, "sum/b")
	if err != nil {
		return err
	}
	x, _ := strconv.Atoi(a)
	y, _ := strconv.Atoi(b)
	if x+y != 200 || len(pairs) != 2 || string(pairs[0].Value) != b || string(pairs[1].Value) != a {
		return fmt.Errorf("one View saw a = %s, b = %s and in a scan %s", a, b, pairs)
	}
	return nil
}
