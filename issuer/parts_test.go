package issuer_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer"
)

// widest is a store that counts what its largest transaction reads and writes.
type widest struct {
	kv.Store
	most int
}

type countedTx struct {
	kv.Tx
	n int
}

func (c *countedTx) Get(key []byte) ([]byte, error) { c.n++; return c.Tx.Get(key) }
func (c *countedTx) Put(key, value []byte) error    { c.n++; return c.Tx.Put(key, value) }

func (w *widest) Update(ctx context.Context, fn func(kv.Tx) error) error {
	return w.Store.Update(ctx, func(tx kv.Tx) error {
		c := &countedTx{Tx: tx}
		err := fn(c)
		w.most = max(w.most, c.n)
		return err
	})
}

// A verifier decides how many uses its report has; others who change something wait for a
// few of them at a time.
func TestReportIsNotedInParts(t *testing.T) {
	w := &widest{}
	h := newHouse(t, func(c *issuer.Config) { w.Store, c.Store = c.Store, w })
	h.Project(alice, "demo")
	v, _ := h.Verifier("berlin")
	var uses []feed.Use
	for i := range 120 {
		uses = append(uses, feed.Use{Token: h.Mint(alice, forAll(fmt.Sprint(i))).Token.ID, At: h.Clock.Now(), Project: "demo"})
	}
	most := func(uses []feed.Use) int {
		w.most = 0
		h.Check(h.Followers.Report(t.Context(), v, feed.Report{Uses: uses}))
		return w.most
	}
	few := most(uses[:10])
	if all := most(uses[10:]); few == 0 || all > 6*few {
		t.Errorf("one transaction reads and writes %d records, and %d for ten uses", all, few)
	}
	for _, u := range uses {
		if got, err := h.Tokens.Get(t.Context(), alice, u.Token); err != nil || got.LastUsed.Project != "demo" {
			t.Fatalf("a use was lost: %+v (%v)", got.LastUsed, err)
		}
	}
}
