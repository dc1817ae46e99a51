package tokens_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// trips is a store that counts the calls of Views that a remote store answers in a round trip each.
type trips struct {
	kv.Store
	n int
}

func (s *trips) View(ctx context.Context, fn func(kv.Reader) error) error {
	return s.Store.View(ctx, func(r kv.Reader) error { return fn(countedReader{r, &s.n}) })
}

type countedReader struct {
	kv.Reader
	n *int
}

func (r countedReader) Get(key []byte) ([]byte, error) {
	*r.n++
	return r.Reader.Get(key)
}

func (r countedReader) GetMany(keys [][]byte) ([][]byte, error) {
	*r.n++
	return r.Reader.GetMany(keys)
}

func (r countedReader) Scan(prefix, after []byte, limit int, reverse bool) ([]kv.Pair, error) {
	*r.n++
	return r.Reader.Scan(prefix, after, limit, reverse)
}

// A page of 50 tokens costs five round trips at most, however it was asked for; one of the tokens of a project five, and two
// for each member whose tokens are shown.
func TestRoundTripsOfAPage(t *testing.T) {
	var store *trips
	h := newHouse(t, func(c *issuer.Config) {
		store = &trips{Store: c.Store}
		c.Store = store
	})
	h.Project(alice, "demo")
	h.Member(alice, "demo", bobID, projects.RoleMaintainer)
	var last string
	for i := range 30 {
		h.Mint(bob, forAll(fmt.Sprint("b", i)))
		last = h.Mint(alice, forSome(fmt.Sprint("a", i), "demo")).Token.ID
		h.Mint(alice, forAll(fmt.Sprint("a all", i)))
	}
	ctx := t.Context()
	for name, read := range map[string]func() (int, error){
		"own": func() (int, error) {
			p, err := h.Tokens.List(ctx, aliceID, tokens.Page{Limit: 50, After: last})
			return len(p.Tokens), err
		},
		"search": func() (int, error) {
			p, err := h.Tokens.Find(ctx, aliceID, tokens.Query{Limit: 50})
			return len(p.Tokens), err
		},
		"all": func() (int, error) {
			p, err := h.Tokens.All(ctx, root, tokens.Page{Limit: 50}) // ids of one moment have no order
			return len(p.Tokens), err
		},
		"of a project": func() (int, error) {
			list, _, err := h.Tokens.ProjectTokens(ctx, bob, "demo", tokens.ProjectTokensQuery{Limit: 50})
			return len(list), err
		},
	} {
		store.n = 0
		n, err := read()
		if err != nil || n < 30 || store.n > 5 && name != "of a project" || store.n > 7 {
			t.Errorf("%s: %d tokens in %d round trips, %v", name, n, store.n, err)
		}
		t.Logf("%s: %d tokens in %d round trips", name, n, store.n)
	}
}
