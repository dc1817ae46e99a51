package rootkeys

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"
)

// eachReader calls fn with the readers that no lookup uses.
func eachReader(s *Store, fn func(*reader)) {
	for i := range s.readers.slots {
		if r := s.readers.slots[i].reader.Load(); r != nil {
			fn(r)
		}
	}
}

// wrongLocations makes what readers remember lead anywhere, each in its own way.
func wrongLocations(r *rand.Rand, s *Store) (changed int) {
	eachReader(s, func(kept *reader) {
		if kept.locations == nil {
			return
		}
		for i := range kept.locations {
			set := &kept.locations[i]
			for j := range set {
				at := &set[j]
				if at.size == 0 {
					continue
				}
				changed++
				switch r.IntN(7) {
				case 0:
					at.chunk = r.Uint32N(1 << 14)
				case 1:
					at.chunk = 1<<32 - 1 - r.Uint32N(1<<10)
				case 2:
					at.entry = uint16(r.Uint32N(1 << 16))
				case 3:
					at.rank = uint16(r.Uint32N(64))
				case 4:
					at.begin, at.size = uint16(r.Uint32N(1<<16)), uint16(r.Uint32N(1<<16))
				case 5: // another record's, whole
					other := set[r.IntN(len(set))]
					at.entry, at.rank, at.begin, at.size = other.entry, other.rank, other.begin, other.size
				}
			}
		}
	})
	return changed
}

// manyTokens is a store with tokens of Alice's, numbered from 0.
func manyTokens(t testing.TB, n int) *Store {
	t.Helper()
	s := open(t, storePath(t))
	changes := []Change{user(alice, "alice"), project(first, "demo", alice)}
	for i := range n {
		changes = append(changes, tokenChange(t, i))
	}
	apply(t, s, changes...)
	return s
}

// TestSeenAgainNeedsNoSearch: the second lookup of a token finds its record where the first did,
// whatever the index's hints and a chunk's beginning say; and after a commit that moved it, the
// lookup after the next.
func TestSeenAgainNeedsNoSearch(t *testing.T) {
	const tokens = 500
	s := manyTokens(t, tokens)
	remembered := func() (n int) {
		eachReader(s, func(r *reader) {
			for i := range tokens {
				id := id(t, tokenID(i))
				if r.locations != nil && r.locations.find((*recordID)(&id)).size > 0 {
					n++
				}
			}
		})
		return n
	}
	for range 3 {
		for i := range tokens {
			lookup(t, s, i, "demo")
		}
	}
	if n := remembered(); n < tokens*9/10 {
		t.Errorf("%d of %d tokens are remembered", n, tokens)
	}
	apply(t, s, user(bob, "bob")) // ends the transactions, and not what is remembered
	if n := remembered(); n < tokens*9/10 {
		t.Errorf("%d of %d tokens are remembered behind a commit", n, tokens)
	}
	wrongHints(rand.New(rand.NewPCG(1, 1)), s)
	hints := func() (sum uint64) {
		b := s.moment.Load().tables[tokensTable].blocks[0]
		for i := range b.entries {
			sum += uint64(b.entries[i].hint.Load())
		}
		return sum
	}
	before := hints()
	for i := range tokens {
		lookup(t, s, i, "demo")
	}
	// A hint is set right by a search. Tokens that were not remembered did that to some.
	wrongHints(rand.New(rand.NewPCG(1, 1)), s)
	if hints() != before {
		t.Fatal("the wrong hints are not the same")
	}
	one := id(t, tokenID(7))
	eachReader(s, func(r *reader) {
		if r.locations.find((*recordID)(&one)).size == 0 {
			t.Fatal("token 7 is not remembered")
		}
	})
	lookup(t, s, 7, "demo")
	if hints() != before {
		t.Error("a token whose location is remembered was searched for")
	}
}

// TestWrongLocationsChangeNoAnswer sends lookups to anywhere while tokens come, move and are revoked.
func TestWrongLocationsChangeNoAnswer(t *testing.T) {
	const tokens = 300
	s := manyTokens(t, tokens)
	r := rand.New(rand.NewPCG(3, 4))
	why, changed := map[int]string{}, 0
	for step := range 30 {
		for range 2 {
			for i := range tokens {
				if rec := lookup(t, s, i, "demo"); rec.RevokedWhy != why[i] || !rec.Project.Member {
					t.Fatalf("step %d: token %d was revoked %q, want %q", step, i, rec.RevokedWhy, why[i])
				}
				if i%16 == 0 {
					if _, err := s.Lookup(context.Background(), tokenID(100_000+i), ""); err == nil {
						t.Fatal("an unknown token was found")
					}
				}
			}
			changed += wrongLocations(r, s)
		}
		n := r.IntN(tokens)
		tok, _ := minted(t, n, alice)
		why[n] = fmt.Sprint("in step ", step)
		tok.RevokedAt, tok.RevokedWhy = time.Unix(1800000000, 0), why[n]
		apply(t, s, Change{Token: tok}, tokenChange(t, tokens+step))
	}
	if changed < 1000 {
		t.Errorf("only %d locations were made wrong", changed)
	}
}

// TestTokensSeenOncePushOutNoOthers: whoever has many tokens, and shows each once, does not
// slow down those that are seen again and again.
func TestTokensSeenOncePushOutNoOthers(t *testing.T) {
	l, r := new(locations), rand.New(rand.NewPCG(5, 6))
	draw := func() (id recordID) { return idOf(r.Uint64(), r.Uint64()) }
	var busy []recordID
	for range 5000 {
		busy = append(busy, draw())
	}
	visit := func(id recordID) bool {
		if l.find(&id).size > 0 {
			return true
		}
		l.put(&id, location{size: 1})
		return false
	}
	known := 0
	for round := range 20 {
		for _, id := range busy {
			if visit(id) && round == 19 {
				known++
			}
			visit(draw())
			visit(draw())
		}
	}
	if known < len(busy)*95/100 {
		t.Errorf("%d of %d tokens are remembered among many that come once", known, len(busy))
	}
}

// TestNoMoreReadersThanLookups: the memory of readers follows how many lookups are under way at one moment, not
// how many there were, nor how often memory was collected, nor how many commits.
func TestNoMoreReadersThanLookups(t *testing.T) {
	s := manyTokens(t, 50)
	const at = 4
	for round := range 30 {
		var wg sync.WaitGroup
		for range at {
			wg.Go(func() {
				for i := range 50 {
					lookup(t, s, i, "demo")
				}
			})
		}
		wg.Wait()
		runtime.GC() // sync.Pool forgets behind the second
		runtime.GC()
		apply(t, s, tokenChange(t, 1000+round))
	}
	readers := 0
	eachReader(s, func(*reader) { readers++ })
	if readers == 0 || readers > at {
		t.Errorf("%d readers are kept, where at most %d were in use", readers, at)
	}
}
