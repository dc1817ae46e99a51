package issuer_test

import (
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer"
)

// A store that another version arranged is not opened.
func TestStoreOfAnotherLayoutIsRefused(t *testing.T) {
	h := newHouse(t)
	for _, layout := range []string{"0", "9", "x", ""} {
		h.Check(h.Store.Update(t.Context(), func(tx kv.Tx) error { return tx.Put([]byte("issuer/layout"), []byte(layout)) }))
		if _, err := issuer.New(issuer.Config{Store: h.Store, Sealer: sealer(t), Location: location}); err == nil || !strings.Contains(err.Error(), "layout") {
			t.Errorf("a store of the layout %q opens: %v", layout, err)
		}
	}
	h.Check(h.Store.Update(t.Context(), func(tx kv.Tx) error { return tx.Delete([]byte("issuer/layout")) }))
	if _, err := issuer.New(issuer.Config{Store: h.Store, Sealer: sealer(t), Location: location}); err == nil {
		t.Error("a store without a layout opens")
	}
}
