package ledger_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/teststore"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/issuertest"
	"github.com/rind-dev/rind/issuer/ledger"
)

func TestRaiseEpochKeepsTheHistory(t *testing.T) {
	store, err := teststore.Open(t, filepath.Join(t.TempDir(), "rind.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	issuertest.Watch(t, func() kv.Store { return store })
	now := time.Date(2027, 3, 3, 12, 0, 0, 0, time.UTC)
	operator := audit.Actor{Username: "root"}
	if _, err := ledger.RaiseEpoch(t.Context(), store, operator, now); err == nil {
		t.Fatal("a store without an issuer got an epoch")
	}

	sealer, err := seal.New(make([]byte, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	open := func() *issuer.Service {
		s, err := issuer.New(issuer.Config{Store: store, Sealer: sealer, Location: "packages.example.org"})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	if err := store.Update(t.Context(), func(tx kv.Tx) error { return s.Ledger.RecordUser(tx, newUser, "ada", false) }); err != nil {
		t.Fatal(err)
	}
	before, err := s.Followers.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	raised, err := ledger.RaiseEpoch(t.Context(), store, operator, now)
	if err != nil {
		t.Fatal(err)
	}
	want := before
	want.Epoch = uint64(now.Unix())
	if after, err := open().Followers.Position(t.Context()); err != nil || after != want || raised != want {
		t.Errorf("position %+v, returned %+v, %v; wanted %+v", after, raised, err, want)
	}
	err = store.View(t.Context(), func(r kv.Reader) error {
		rows, err := audit.All(r, 0, 1)
		if err != nil || len(rows) != 1 || rows[0].Kind != "issuer.epoch_raised" || rows[0].Actor.Username != "root" || rows[0].Detail["epoch"] != fmt.Sprint(now.Unix()) {
			t.Errorf("row %+v, %v", rows, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

const newUser = "01900000-0000-7000-8000-00000000aaaa"
