package rootkeys

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestTransactionsAreKept: lookups begin none of their own, until something is
// written; then nothing is held that the write could wait for.
func TestTransactionsAreKept(t *testing.T) {
	s := open(t, storePath(t))
	apply(t, s, user(alice, "alice"), tokenChange(t, 1), project(first, "demo", alice))
	begun := func() int { stats := dbOf(s).Stats(); return stats.TxN }
	openNow := func() int { stats := dbOf(s).Stats(); return stats.OpenTxN }
	lookup(t, s, 1, "demo")
	before := begun()
	for range 1000 {
		lookup(t, s, 1, "demo")
	}
	if n := begun() - before; n != 0 {
		t.Errorf("1000 lookups, one after another, began %d transactions", n)
	}
	if n := openNow(); n != 1 {
		t.Errorf("%d transactions are open", n)
	}
	if _, err := s.Lookup(context.Background(), tokenID(2), ""); err == nil {
		t.Error("an unknown token")
	}
	apply(t, s, user(alice, "alicia"))
	if n := openNow(); n != 0 {
		t.Errorf("%d transactions are open after a write", n)
	}
	if rec := lookup(t, s, 1, ""); rec.UserName != "alicia" {
		t.Errorf("an old transaction: %q", rec.UserName)
	}
}

// TestKeptTransactionsHoldNothingBack writes much between lookups: a transaction
// that stayed would stop the file from growing for ever, or let it grow without end.
func TestKeptTransactionsHoldNothingBack(t *testing.T) {
	path := storePath(t)
	s := open(t, path)
	apply(t, s, user(alice, "alice"), tokenChange(t, 0))
	big := func(n int) Change {
		tok, _ := minted(t, n, alice)
		tok.Restrictions = [][]byte{make([]byte, 4000), make([]byte, 4000)}
		return Change{Token: tok}
	}
	var many []Change
	for n := range 400 {
		many = append(many, big(n))
	}
	apply(t, s, many...) // grows the memory map
	lookup(t, s, 0, "")
	size := func() int64 {
		fi, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return fi.Size()
	}
	before := size()
	for n := range 300 {
		apply(t, s, big(n%10))
		lookup(t, s, n%400, "")
	}
	if after := size(); after > 2*before {
		t.Errorf("the file grew from %d to %d bytes, though it holds the same", before, after)
	}
}

// TestLookupsSeeWhatWasApplied: a lookup that begins after Apply has returned
// answers with it, whatever transaction it finds.
func TestLookupsSeeWhatWasApplied(t *testing.T) {
	s := open(t, storePath(t))
	apply(t, s, user(alice, "0"), tokenChange(t, 1), project(first, "demo", alice))
	var applied atomic.Int64
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 6 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				least := applied.Load()
				rec, err := s.Lookup(context.Background(), tokenID(1), "demo")
				var got int64
				_, serr := fmt.Sscan(rec.UserName, &got)
				if err != nil || serr != nil || got < least {
					t.Errorf("%q after %d was applied: %v", rec.UserName, least, err)
					return
				}
			}
		})
	}
	for n := int64(1); n <= 300; n++ {
		apply(t, s, user(alice, fmt.Sprint(n)))
		applied.Store(n)
	}
	close(stop)
	readers.Wait()
}

// TestCloseUnderLookups: they end with an answer or an error, and Close ends.
func TestCloseUnderLookups(t *testing.T) {
	for range 20 {
		s := open(t, storePath(t))
		apply(t, s, user(alice, "alice"), tokenChange(t, 1))
		var readers sync.WaitGroup
		for range 4 {
			readers.Go(func() {
				for {
					if _, err := s.Lookup(context.Background(), tokenID(1), ""); err != nil {
						return
					}
				}
			})
		}
		lookup(t, s, 1, "")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		readers.Wait()
		if err := s.Close(); err != nil {
			t.Errorf("a second time: %v", err)
		}
	}
}

// TestTruncatedUnderAKeptTransaction: the pages that it still points to are gone.
func TestTruncatedUnderAKeptTransaction(t *testing.T) {
	path := storePath(t)
	s, err := Open(path, Options{Key: testKey})
	if err != nil {
		t.Fatal(err)
	}
	apply(t, s, user(alice, "alice"))
	for n := range 60 {
		apply(t, s, tokenChange(t, n)) // so many that their pages are read where they are
	}
	lookup(t, s, 1, "")
	if err := os.Truncate(path, int64(2*os.Getpagesize())); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err := s.Lookup(context.Background(), tokenID(1), "")
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "stop this program") {
			t.Errorf("%v", err)
		}
	}
	if err := s.Close(); !errors.Is(err, ErrDamaged) {
		t.Errorf("close: %v", err)
	}
}
