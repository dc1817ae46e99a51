package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
)

// TestGatewayWantsACurrentStore: the gateway of 'rind serve' allows nothing while nobody
// keeps its root-key store current, though the store is there and has the token.
func TestGatewayWantsACurrentStore(t *testing.T) {
	h, err := open(context.Background(), settingsFor(t.TempDir()), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	text := mintFor(t, h, "demo")
	if err := h.catchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := upload(t, h.handler, text); got != http.StatusServiceUnavailable {
		t.Errorf("nobody follows, and an upload is answered with %d", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { h.follow(ctx); close(ended) }()
	got := http.StatusServiceUnavailable
	for end := time.Now().Add(patience); got == http.StatusServiceUnavailable && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		got = upload(t, h.handler, text)
	}
	if got != http.StatusOK {
		t.Errorf("an upload is answered with %d", got)
	}
	cancel()
	<-ended
}

// mintFor makes alice, a project of hers, and a token for it.
func mintFor(t *testing.T, h *instance, project string) string {
	t.Helper()
	ctx, alice := t.Context(), ledger.Principal{UserID: aliceID}
	err := h.store.Update(ctx, func(tx kv.Tx) error { return h.issuer.Ledger.RecordUser(tx, aliceID, "alice", false) })
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.issuer.Projects.Create(ctx, alice, project); err != nil {
		t.Fatal(err)
	}
	tok, err := h.issuer.Tokens.Mint(ctx, alice, tokens.MintRequest{Label: "ci", Scope: tokens.ScopeChosen, Projects: []string{project}, Life: tokens.LifeNever})
	if err != nil {
		t.Fatal(err)
	}
	return tok.Text
}

// upload sends a small file and returns the status.
func upload(t *testing.T, handler http.Handler, token string) int {
	t.Helper()
	r, err := uploadRequest("http://localhost/legacy/", token)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Logf("%d: %s", w.Code, w.Body)
	}
	return w.Code
}
