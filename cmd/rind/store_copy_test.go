package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rind-dev/rind/internal/dist/disttest"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/boltkv"
	"github.com/rind-dev/rind/internal/kv/pgkv"
	"github.com/rind-dev/rind/internal/pgtest"
	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
)

// boltServer makes the data folder of a server with a file, alice's project demo, a token for it, and much else; and
// returns the server's settings and the token.
func boltServer(t *testing.T) (s *dbServer, token string) {
	t.Helper()
	s = databaseSettings(t, "")
	text := fmt.Sprintf("listen = %q\npublic-url = \"http://localhost:8080\"\ndata = %q\n", strings.TrimPrefix(s.base, "http://"), s.data)
	writeFile(t, s.settings, 0o600, []byte(text))
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		t.Fatal(err)
	}
	err := withIssuer(s.data, func(store kv.Store, i *issuer.Service) error {
		alice := ledger.Principal{UserID: aliceID, Username: "alice"}
		if err := store.Update(t.Context(), func(tx kv.Tx) error { return i.Ledger.RecordUser(tx, aliceID, "alice", false) }); err != nil {
			return err
		}
		if _, _, err := i.Projects.Create(t.Context(), alice, "demo"); err != nil {
			return err
		}
		m, err := i.Tokens.Mint(t.Context(), alice, tokens.MintRequest{Label: "ci", Scope: tokens.ScopeAll, Life: tokens.Life30})
		token = m.Text
		return errors.Join(err, store.Update(t.Context(), func(tx kv.Tx) error {
			for n := range 30_000 {
				if err := tx.Put(fmt.Appendf(nil, "pad/%06d", n), fmt.Appendf(nil, "%100d", n)); err != nil {
					return err
				}
			}
			return nil
		}))
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, token
}

func (s *dbServer) uploads(t *testing.T, token, version string) {
	t.Helper()
	status, body, err := postWheel(s.base+"/legacy/", token, "demo", version, disttest.Wheel("demo", version, ""))
	if err != nil || !strings.HasPrefix(status, "200 ") {
		t.Errorf("an upload: %s %s %v", status, body, err)
	}
}

// The store of a server goes from a file to a database while the copy is killed in the middle, and back; the gateway, which
// follows the history, notices nothing, and a server on a store that is not complete or was left says what to do.
func TestStoreCopyKilled(t *testing.T) {
	url := pgtest.Shared(t).Database(t)
	bolt, token := boltServer(t)
	bolt.serve(t).up()
	bolt.uploads(t, token, "1.0")
	db := databaseSettings(t, url)
	if said := refused(t, "store", "copy", "--from", bolt.settings, "--to", db.settings); !strings.Contains(said, "is in use") {
		t.Errorf("a file that is in use: %s", said)
	}
	bolt.Stop()
	db.data = bolt.data // the same data folder: its root-key store goes on following
	writeFile(t, db.settings, 0o600, fmt.Appendf(nil, "listen = %q\npublic-url = \"http://localhost:8080\"\ndata = %q\n[store]\nkind = \"postgres\"\nurl = %q\n",
		strings.TrimPrefix(db.base, "http://"), db.data, url))

	look, err := pgkv.Open(t.Context(), pgkv.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	p := realtest.Start(t, nil, realtest.Rind(t), "store", "copy", "--from", bolt.settings, "--to", db.settings)
	p.Eventually("some pairs are copied", func() error {
		return look.View(t.Context(), func(r kv.Reader) error {
			var mark struct{ Pairs int }
			err := kv.GetJSON(r, "store/target", &mark)
			if err == nil && mark.Pairs == 0 {
				err = errors.New("none")
			}
			return err
		})
	})
	_ = p.End(syscall.SIGKILL)
	if err := look.Close(); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*dbServer{bolt, db} {
		if said := refused(t, "serve", "--config", s.settings); !strings.Contains(said, "run the same 'rind store copy' again") {
			t.Errorf("a server on half a copy: %s", said)
		}
	}
	copies(t, bolt.settings, db.settings)
	if said := refused(t, "serve", "--config", bolt.settings); !strings.Contains(said, "the store was moved to "+strings.SplitN(url, "?", 2)[0]) {
		t.Errorf("a server on a store that was moved: %s", said)
	}
	if said := refused(t, "restored", "--config", bolt.settings); !strings.Contains(said, "the store was moved") {
		t.Errorf("rind restored of a store that was moved: %s", said)
	}
	db.serve(t).up()
	db.uploads(t, token, "2.0")
	if said := db.Out.String(); strings.Contains(said, "snapshot") {
		t.Errorf("the gateway noticed: %s", said)
	}

	back := filepath.Join(t.TempDir(), "back")
	copies(t, db.settings, back) // it stops the server
	if err := db.Ends(); err == nil {
		t.Error("the server goes on on a store that was copied")
	}
	if first, last := identityIn(t, filepath.Join(bolt.data, storeFile)), identityIn(t, filepath.Join(back, storeFile)); first != last {
		t.Errorf("the identity is %s, and was %s", last, first)
	}
}

func copies(t *testing.T, from, to string) {
	t.Helper()
	p := realtest.Start(t, nil, realtest.Rind(t), "store", "copy", "--from", from, "--to", to)
	if err := p.Ends(); err != nil || !strings.Contains(p.Out.String(), "Both stores have the same") {
		t.Fatalf("%v: %s", err, p.Out)
	}
}

func identityIn(t *testing.T, path string) string {
	t.Helper()
	store, err := boltkv.Open(path, boltkv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var id json.RawMessage
	if err := store.View(t.Context(), func(r kv.Reader) error { return kv.GetJSON(r, "issuer/identity", &id) }); err != nil {
		t.Fatal(err)
	}
	return string(id)
}
