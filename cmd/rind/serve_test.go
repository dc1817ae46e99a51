package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/ledger"
)

// TestSignalDuringStart ends rind before it listens; that is a clean shutdown.
func TestSignalDuringStart(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	dir := filepath.Join(t.TempDir(), "data")
	args := []string{"serve", "--data", dir, "--listen", "127.0.0.1:0"}
	code := run(ctx, args, strings.NewReader(""), &stdout, &stderr)
	if code != exitOK {
		t.Errorf("exit code %d, stderr %s", code, &stderr)
	}
	if stdout.Len() != 0 {
		t.Errorf("stdout: %s", &stdout)
	}
	h, err := open(context.Background(), settingsFor(dir), slog.New(slog.DiscardHandler)) // nothing is held
	if err != nil {
		t.Fatal(err)
	}
	if err := h.close(); err != nil {
		t.Error(err)
	}
}

// TestSignalWhileCatchingUp ends rind between listening and answering.
func TestSignalWhileCatchingUp(t *testing.T) {
	h, err := open(context.Background(), settingsFor(t.TempDir()), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var out bytes.Buffer
	err = h.run(ctx, l, &out)
	if !errors.Is(err, context.Canceled) || out.Len() != 0 {
		t.Errorf("error %v, output %q", err, &out)
	}
}

// TestBackgroundOutlivesRequests changes something in a request that is under
// way at shutdown, and waits until the root-key store has it, as pages do.
func TestBackgroundOutlivesRequests(t *testing.T) {
	dir := t.TempDir()
	if err := withIssuer(dir, func(store kv.Store, s *issuer.Service) error {
		return store.Update(t.Context(), func(tx kv.Tx) error { return s.Ledger.RecordUser(tx, aliceID, "alice", false) })
	}); err != nil {
		t.Fatal(err)
	}
	h, err := open(context.Background(), settingsFor(dir), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	h.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cancel()
		<-ctx.Done()
		_, revision, err := h.issuer.Projects.Create(r.Context(), ledger.Principal{UserID: aliceID, Username: "alice"}, "demo")
		if err == nil {
			err = h.follower.CatchUp(r.Context(), revision)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		io.WriteString(w, "done")
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() { answered <- realtest.Get("http://"+l.Addr().String(), http.StatusOK, "done") }()
	if err := h.run(ctx, l, io.Discard); err != nil {
		t.Error(err)
	}
	if err := <-answered; err != nil {
		t.Errorf("the request under way: %v", err)
	}
	if err := h.close(); err != nil {
		t.Error(err)
	}
}

// TestRootKeysAreMadeAnew starts without a root-key store where the log of
// changes no longer reaches back to the first one.
func TestRootKeysAreMadeAnew(t *testing.T) {
	dir := t.TempDir()
	if err := withIssuer(dir, func(store kv.Store, s *issuer.Service) error {
		at, err := s.Followers.Position(t.Context())
		if err != nil {
			return err
		}
		for i := range 1500 {
			if err := store.Update(t.Context(), func(tx kv.Tx) error { return s.Ledger.RecordUser(tx, aliceID, "alice", i%2 == 0) }); err != nil {
				return err
			}
			if _, err := s.Followers.Changes(t.Context(), feed.Position{Issuer: at.Issuer, Epoch: at.Epoch}, 1); errors.Is(err, feed.ErrCompacted) {
				return nil
			}
		}
		return errors.New("the log of changes still begins at the first")
	}); err != nil {
		t.Fatal(err)
	}
	h, err := open(context.Background(), settingsFor(dir), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	if err := h.catchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	want, err := h.issuer.Followers.Position(t.Context())
	if got := h.keys.Position(); err != nil || got != want || h.keys.Filling() {
		t.Errorf("the root-key store is at %v, filling %v; the issuer at %v, %v", got, h.keys.Filling(), want, err)
	}
}
