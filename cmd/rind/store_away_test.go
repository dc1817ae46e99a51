package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/dist/disttest"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/pgkv"
	"github.com/rind-dev/rind/internal/pgtest"
	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
)

// mintIn makes alice's project demo and two tokens in the database of a server that has begun it.
func (s *dbServer) mintIn(t *testing.T, url string) (texts [2]string) {
	t.Helper()
	key, err := seal.LoadKey(filepath.Join(s.data, "rind.key"), false)
	if err != nil {
		t.Fatal(err)
	}
	sealer, err1 := seal.New(key)
	store, err2 := pgkv.Open(t.Context(), pgkv.Options{URL: url})
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	i, err := issuer.New(issuer.Config{Store: store, Sealer: sealer, Location: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	alice := ledger.Principal{UserID: aliceID, Username: "alice"}
	if err := store.Update(t.Context(), func(tx kv.Tx) error { return i.Ledger.RecordUser(tx, aliceID, "alice", false) }); err != nil {
		t.Fatal(err)
	}
	if _, _, err := i.Projects.Create(t.Context(), alice, "demo"); err != nil {
		t.Fatal(err)
	}
	for n := range texts {
		m, err := i.Tokens.Mint(t.Context(), alice, tokens.MintRequest{Label: fmt.Sprint(n), Scope: tokens.ScopeAll, Life: tokens.Life30})
		if err != nil {
			t.Fatal(err)
		}
		texts[n] = m.Text
	}
	return texts
}

// bound is how long any answer may take while the database is away, with some room for a loaded machine.
const bound = 40 * time.Second

// ask sends a request and returns the status and the text, within the bound.
func ask(t *testing.T, method, url, token string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.SetBasicAuth("__token__", token)
	}
	began := time.Now()
	resp, err := (&http.Client{Timeout: 2 * bound}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if took := time.Since(began); err != nil || took > bound {
		t.Errorf("%s %s took %s: %v", method, url, took, err)
	}
	return resp.StatusCode, string(text)
}

// The database is killed, started, stopped by SIGSTOP and goes on: pages and changes say so within a bound, uploads go on, and all
// comes back by itself.
func TestDatabaseAway(t *testing.T) {
	realtest.Need(t, realtest.PostgreSQL)
	db, err := pgtest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Stop)
	url := fmt.Sprintf("postgres://postgres@/postgres?host=%s", db.Dir)
	s := databaseSettings(t, url).serve(t).up()
	texts := s.mintIn(t, url)
	realtest.Eventually(t, "the gateway knows the tokens", func() error {
		status, body, err := postWheel(s.base+"/legacy/", texts[0], "demo", "0.1", disttest.Wheel("demo", "0.1", ""))
		if err != nil || !strings.HasPrefix(status, "200 ") {
			return fmt.Errorf("%s %s %w", status, body, err)
		}
		return nil
	})
	for n, way := range []struct {
		name       string
		away, back func() error
	}{
		{"killed", func() error { db.Kill(); return nil }, func() error { return db.Run() }},
		{"frozen", func() error { return db.Signal(syscall.SIGSTOP) }, func() error { return db.Signal(syscall.SIGCONT) }},
	} {
		if err := way.away(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			status, text := ask(t, "GET", s.base+"/login", "")
			if status != 503 || !strings.Contains(text, "reach its database right now, so nothing was changed") {
				t.Errorf("%s: the sign-in page: %d %s", way.name, status, text)
			}
		}
		s.uploads(t, texts[0], fmt.Sprintf("1.%d", n))
		status, text := ask(t, "DELETE", s.base+"/api/token", texts[1])
		if status != 503 || !strings.Contains(text, "was not revoked, because the server can't reach its database") && !strings.Contains(text, "It is not known whether") {
			t.Errorf("%s: a token's own end: %d %s", way.name, status, text)
		}
		if err := way.back(); err != nil {
			t.Fatal(err)
		}
		s.Answers(s.base + "/healthz")
		if status, text := ask(t, "GET", s.base+"/login", ""); status != 200 {
			t.Errorf("%s, and back: the sign-in page: %d %s", way.name, status, text)
		}
		s.uploads(t, texts[0], fmt.Sprintf("2.%d", n))
	}
	if status, text := ask(t, "DELETE", s.base+"/api/token", texts[1]); status != 204 {
		t.Errorf("in the end, a token's own end: %d %s", status, text)
	}
	// A newer rind takes the store over: this one stops with a sentence, and does not start again.
	newer, err := pgkv.Open(t.Context(), pgkv.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer newer.Close()
	if err := kv.RaiseLayout(t.Context(), newer, kv.Layout+1); err != nil {
		t.Fatal(err)
	}
	if err := s.Ends(); err == nil || !strings.Contains(s.Out.String(), "was moved or upgraded since this process opened it") {
		t.Errorf("an older process beside a newer one: %v", err)
	}
	if said := refused(t, "serve", "--config", s.settings); !strings.Contains(said, "run the newer rind that wrote it") {
		t.Errorf("an older process on a newer store: %s", said)
	}
}
