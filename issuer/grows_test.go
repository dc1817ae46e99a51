package issuer_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/boltkv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// weighed is a store that counts the bytes that transactions which write get out of it.
type weighed struct {
	kv.Store
	read int
}

func (w *weighed) Update(ctx context.Context, fn func(kv.Tx) error) error {
	return w.Store.Update(ctx, func(tx kv.Tx) error { return fn(&weighedTx{tx, w}) })
}

type weighedTx struct {
	kv.Tx
	w *weighed
}

func (x *weighedTx) Get(key []byte) ([]byte, error) {
	b, err := x.Tx.Get(key)
	x.w.read += len(b)
	return b, err
}

// The deletion of a project tells each of its members, in one transaction. What that reads grows with the members, and not with their
// square: with the record of the project for each row, 1,000 members took 13 seconds, in which nobody signed in.
func TestDeletionGrowsWithItsMembersOnly(t *testing.T) {
	few, many := readByDeletion(t, 50), readByDeletion(t, 500)
	if many > 15*few {
		t.Errorf("50 members read %d bytes, ten times as many %d", few, many)
	}
}

func readByDeletion(t *testing.T, members int) int {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	bolt, err := boltkv.Open(filepath.Join(t.TempDir(), "rind.db"), boltkv.Options{})
	must(err)
	defer func() { must(bolt.Close()) }()
	sealer, err := seal.New(bytes.Repeat([]byte{7}, seal.KeySize))
	must(err)
	store := &weighed{Store: bolt}
	s, err := issuer.New(issuer.Config{Store: store, Sealer: sealer, Location: "rind.example.org", Notices: notices.New(bolt, nil, nil)})
	must(err)
	id := func(i int) string { return fmt.Sprintf("01900000-0000-7000-8000-%012d", i) }
	p := ledger.Principal{UserID: id(0), Username: "u0"}
	must(store.Update(t.Context(), func(tx kv.Tx) error {
		for i := range members {
			if err := s.Ledger.RecordUser(tx, id(i), fmt.Sprint("u", i), false); err != nil {
				return err
			}
		}
		return nil
	}))
	demo, _, err := s.Projects.Create(t.Context(), p, "demo")
	must(err)
	must(store.Update(t.Context(), func(tx kv.Tx) error {
		var rec map[string]any
		err := kv.GetJSON(tx, "issuer/project/"+demo.ID, &rec)
		if err != nil {
			return err
		}
		all := rec["members"].(map[string]any)
		for i := range members {
			all[id(i)] = all[id(0)]
			if err := tx.Put([]byte("issuer/role/"+id(i)+"/"+demo.ID), []byte(projects.RoleOwner)); err != nil {
				return err
			}
		}
		return kv.PutJSON(tx, "issuer/project/"+demo.ID, rec)
	}))
	store.read = 0
	_, err = s.Tokens.DeleteProject(t.Context(), p, "demo", "demo")
	must(err)
	return store.read
}
