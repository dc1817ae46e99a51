package adminhttp

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/kv/teststore"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/ledger"
)

// desk is a handler on a store of its own, without accounts.
type desk struct {
	*testing.T
	http.Handler
	issuer *issuer.Service
	log    bytes.Buffer
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{T: t}
	store, err := teststore.Open(t, filepath.Join(t.TempDir(), "rind.db"))
	d.must(err)
	t.Cleanup(func() { _ = store.Close() })
	sealer, err := seal.New(bytes.Repeat([]byte{7}, seal.KeySize))
	d.must(err)
	d.issuer, err = issuer.New(issuer.Config{Store: store, Sealer: sealer, Location: "rind.example.org"})
	d.must(err)
	d.Handler = New(Config{Issuer: d.issuer, Logger: slog.New(slog.NewTextHandler(&d.log, nil))})
	return d
}

func (d *desk) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

// ask runs a command within ctx.
func (d *desk) ask(ctx context.Context, command string, req Request) *httptest.ResponseRecorder {
	d.Helper()
	body, err := json.Marshal(req)
	d.must(err)
	w := httptest.NewRecorder()
	d.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, Prefix+command, bytes.NewReader(body)))
	return w
}

// A verifier that is called by another's id does not keep that one: the operator ends what has the id.
func TestRevokeVerifierByID(t *testing.T) {
	d := newDesk(t)
	p := ledger.Principal{Username: "operator", Admin: true}
	mark, _, err := d.issuer.Followers.RegisterVerifier(t.Context(), p, "mark")
	d.must(err)
	_, _, err = d.issuer.Followers.RegisterVerifier(t.Context(), p, mark.ID)
	d.must(err)
	all, err := d.issuer.Followers.Verifiers(t.Context(), p)
	d.must(err)
	if all[0].ID == mark.ID {
		t.Fatal("the one that has the id is listed first: this shows nothing")
	}
	if got := d.ask(t.Context(), "revoke-verifier", Request{Name: mark.ID}); got.Code != http.StatusOK {
		t.Fatalf("%d: %s", got.Code, got.Body)
	}
	all, err = d.issuer.Followers.Verifiers(t.Context(), p)
	d.must(err)
	for _, one := range all {
		if ended := !one.Revoked.At.IsZero(); ended != (one.ID == mark.ID) {
			t.Errorf("%s (%q) ended: %t", one.ID, one.Name, ended)
		}
	}
}

// An operator who hangs up makes no mistake of the server's.
func TestAnOperatorWhoIsGoneIsNoError(t *testing.T) {
	d := newDesk(t)
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	d.ask(ctx, "verifiers", Request{})
	d.ask(ctx, "register-verifier", Request{Name: "v1"})
	if strings.Contains(d.log.String(), "ERROR") {
		t.Error(d.log.String())
	}
}
