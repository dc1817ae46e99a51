package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/boltkv"
	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/internal/verifierstatus"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/feedhttp"
	"github.com/rind-dev/rind/issuer/ledger"
)

// fed is an issuer whose feed is served, and a verifier's secret for it.
type fed struct {
	*issuer.Service
	server *httptest.Server
	secret string // file
}

func newFed(t *testing.T) *fed {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	store, err := boltkv.Open(filepath.Join(t.TempDir(), "rind.db"), boltkv.Options{})
	must(err)
	sealer, err := seal.New(make([]byte, seal.KeySize))
	must(err)
	f := &fed{secret: filepath.Join(t.TempDir(), "secret")}
	f.Service, err = issuer.New(issuer.Config{Store: store, Sealer: sealer, Location: "packages.example.org"})
	must(err)
	must(store.Update(t.Context(), func(tx kv.Tx) error { return f.Ledger.RecordUser(tx, aliceID, "alice", false) }))
	_, secret, err := f.Followers.RegisterVerifier(t.Context(), ledger.Principal{Admin: true}, "berlin")
	must(err)
	must(os.WriteFile(f.secret, []byte(secret), 0o600))
	handler := feedhttp.New(feedhttp.Config{Issuer: f.Service})
	f.server = httptest.NewTLSServer(handler)
	t.Cleanup(func() {
		handler.EndStreams()
		f.server.Close()
		must(store.Close())
	})
	return f
}

// rind runs the command line and returns what it printed and its exit code.
func rind(ctx context.Context, args ...string) (stdout, stderr string, code int) {
	var out, errs bytes.Buffer
	code = run(ctx, args, strings.NewReader(""), &out, &errs)
	return out.String(), errs.String(), code
}

// TestVerifierFollow runs a verifier over TLS, asks how it does in every way there is,
// and stops it.
func TestVerifierFollow(t *testing.T) {
	f := newFed(t)
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	writeCertificate(t, ca, f.server)
	keys, address := filepath.Join(dir, "rootkeys.db"), realtest.FreeAddress(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	type ended struct {
		stderr string
		code   int
	}
	done := make(chan ended, 1)
	go func() {
		_, stderr, code := rind(ctx, "verifier", "follow", "--issuer", f.server.URL, "--secret-file", f.secret,
			"--keys", keys, "--ca-file", ca, "--max-staleness", "5m", "--status", address)
		done <- ended{stderr, code}
	}()
	var out, errs string
	code := -1
	for end := time.Now().Add(patience); code != 0 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		out, errs, code = rind(t.Context(), "verifier", "status", "--from", address)
	}
	if code != 0 || !strings.Contains(out, "usable:    yes\n") || !strings.Contains(out, " 0 behind\n") || !strings.Contains(out, "5m0s is allowed") {
		t.Fatalf("%d: %s%s", code, out, errs)
	}
	out, _, code = rind(t.Context(), "verifier", "status", "--from", address, "--json")
	var v verifierstatus.Status
	err := json.Unmarshal([]byte(out), &v)
	if err != nil || code != 0 {
		t.Fatalf("%d: %s: %v", code, out, err)
	}
	at, err := f.Followers.Position(t.Context())
	if err != nil || !v.Usable || v.IssuerID != at.Issuer || v.Revision != at.Revision || v.Lag != 0 || v.Age == nil || v.Connected == "" || v.Error != "" || v.MaxStaleness != 300 {
		t.Errorf("%s: %v", out, err)
	}
	metrics := get200(t, "http://"+address+"/metrics")
	for _, line := range []string{"rind_verifier_usable 1", "rind_verifier_connected 1", fmt.Sprint("rind_verifier_revision ", at.Revision), "rind_verifier_lag_revisions 0", "# TYPE rind_verifier_uses_dropped_total counter"} {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("no %q in\n%s", line, metrics)
		}
	}
	get200(t, "http://"+address+"/healthz")
	// The file is the follower's: who asks it is told whom to ask.
	if _, stderr, code := rind(t.Context(), "verifier", "status", "--keys", keys); code != exitUnchecked || !strings.Contains(stderr, "in use") || !strings.Contains(stderr, "--from") {
		t.Errorf("%d: %s", code, stderr)
	}
	stop()
	if e := <-done; e.code != 0 || strings.Contains(e.stderr, "rindv_") {
		t.Fatalf("%d: %s", e.code, e.stderr)
	}
	out, stderr, code := rind(t.Context(), "verifier", "status", "--keys", keys)
	if code != 0 || !strings.Contains(out, "usable:    yes\n") {
		t.Errorf("%d: %s%s", code, out, stderr)
	}
	_, _, code = rind(t.Context(), "verifier", "status", "--keys", keys, "--max-staleness", "1ns")
	if code != exitFailed {
		t.Errorf("a store that is too old: %d", code)
	}
}

// TestVerifierFollowRefuses shows what does not even begin.
func TestVerifierFollowRefuses(t *testing.T) {
	dir := t.TempDir()
	secret, open := filepath.Join(dir, "secret"), filepath.Join(dir, "open")
	for path, mode := range map[string]os.FileMode{secret: 0o600, open: 0o644} {
		if err := os.WriteFile(path, []byte("rindv_x"), mode); err != nil {
			t.Fatal(err)
		}
	}
	keys := filepath.Join(dir, "rootkeys.db")
	for _, c := range []struct {
		says string
		args []string
	}{
		{"must be https", []string{"--issuer", "http://packages.example.org", "--secret-file", secret}},
		{"chmod 600", []string{"--issuer", "https://packages.example.org", "--secret-file", open}},
		{"no such file", []string{"--issuer", "https://packages.example.org", "--secret-file", filepath.Join(dir, "none")}},
		{"contains no PEM certificate", []string{"--issuer", "https://packages.example.org", "--secret-file", secret, "--ca-file", secret}},
		{"--max-staleness", []string{"--issuer", "https://packages.example.org", "--secret-file", secret, "--max-staleness", "1s"}},
		{"--max-staleness", []string{"--issuer", "https://packages.example.org", "--secret-file", secret, "--max-staleness", "240h"}},
		{"can be reached from other machines", []string{"--issuer", "https://packages.example.org", "--secret-file", secret, "--status", "0.0.0.0:0"}},
		{"can be reached from other machines", []string{"--issuer", "https://packages.example.org", "--secret-file", secret, "--status", ":0"}},
		{"missing port", []string{"--issuer", "https://packages.example.org", "--secret-file", secret, "--status", "127.0.0.1"}},
	} {
		stdout, stderr, code := rind(t.Context(), append([]string{"verifier", "follow", "--keys", keys}, c.args...)...)
		if code == 0 || stdout != "" || !strings.Contains(stderr, c.says) || strings.Contains(stderr, "rindv_x") {
			t.Errorf("%v: %d: %s", c.args, code, stderr)
		}
	}
	for _, args := range [][]string{{"--from", realtest.FreeAddress(t)}, {"--keys", filepath.Join(dir, "none.db")}, {}, {"--from", "x", "--keys", "y"}} {
		if stdout, stderr, code := rind(t.Context(), append([]string{"verifier", "status"}, args...)...); code != exitUnchecked || stdout != "" || stderr == "" {
			t.Errorf("%v: %d: %s%s", args, code, stdout, stderr)
		}
	}
}

func writeCertificate(t *testing.T, path string, server *httptest.Server) {
	t.Helper()
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func get200(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %s: %v", url, res.Status, b, err)
	}
	return string(b)
}
