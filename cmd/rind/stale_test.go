package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer"
)

// TestGatewayWantsACurrentStore: the gateway of 'rind serve' allows nothing while nobody
// keeps its root-key store current, though the store is there and has the token.
func TestGatewayWantsACurrentStore(t *testing.T) {
	h, err := open(settingsFor(t.TempDir()), slog.New(slog.DiscardHandler))
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
	ctx, alice := t.Context(), issuer.Principal{UserID: aliceID}
	err := h.store.Update(ctx, func(tx kv.Tx) error { return h.issuer.RecordUser(tx, aliceID, "alice", false) })
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.issuer.CreateProject(ctx, alice, project); err != nil {
		t.Fatal(err)
	}
	tok, err := h.issuer.Mint(ctx, alice, issuer.MintRequest{Label: "ci", Scope: issuer.ScopeChosen, Projects: []string{project}, Life: issuer.LifeNever})
	if err != nil {
		t.Fatal(err)
	}
	return tok.Text
}

// upload sends a small file and returns the status.
func upload(t *testing.T, handler http.Handler, token string) int {
	t.Helper()
	archive := []byte("\x1f\x8b\x08 and nothing that is read")
	digest := sha256.Sum256(archive)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, f := range [][2]string{{":action", "file_upload"}, {"protocol_version", "1"}, {"metadata_version", "2.1"}, {"name", "demo"}, {"version", "1.0"}, {"filetype", "sdist"}, {"sha256_digest", hex.EncodeToString(digest[:])}} {
		if err := form.WriteField(f[0], f[1]); err != nil {
			t.Fatal(err)
		}
	}
	file, err := form.CreateFormFile("content", "demo-1.0.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(archive); err != nil {
		t.Fatal(err)
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/legacy/", &body)
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.SetBasicAuth("__token__", token)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Logf("%d: %s", w.Code, w.Body)
	}
	return w.Code
}
