package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
)

func appendRow(t *testing.T, store kv.Store, at time.Time, who string) {
	t.Helper()
	if err := store.Update(t.Context(), func(tx kv.Tx) error {
		return audit.Append(tx, audit.Event{Kind: "token.minted", Time: at, Actor: audit.Actor{Username: who}})
	}); err != nil {
		t.Fatal(err)
	}
}

// actors are who did what, by the lines of a log.
func actors(t *testing.T, log []byte) (out []string) {
	t.Helper()
	for line := range bytes.Lines(log) {
		var row struct{ Msg, Actor string }
		err := json.Unmarshal(line, &row)
		if err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if row.Msg == "audit" {
			out = append(out, row.Actor)
		}
	}
	return out
}

// The trail goes on in a file that is moved away, and waits while it can't be written.
func TestTheTrailIsWrittenToAFile(t *testing.T) {
	cfg := settingsFor(t.TempDir())
	cfg.LogFormat, cfg.AuditLog = "json", filepath.Join(t.TempDir(), "log", "audit.log")
	if h, err := open(context.Background(), cfg, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "audit-log") {
		t.Fatalf("a folder that is missing: %v, %v", h, err)
	}
	folder := filepath.Dir(cfg.AuditLog)
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	h, err := open(context.Background(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	write := func(who string) error {
		appendRow(t, h.store, time.Now(), who)
		return h.writeTrail(t.Context())
	}
	read := func(path string) string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(actors(t, b), " ")
	}
	if err := h.writeTrail(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"ada", "bob"} {
		if err := write(who); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(cfg.AuditLog)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	moved := cfg.AuditLog + ".1"
	if err := os.Rename(cfg.AuditLog, moved); err != nil {
		t.Fatal(err)
	}
	if err := write("carol"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(folder, folder+"-away"); err != nil {
		t.Fatal(err)
	}
	if err := write("dora"); err == nil {
		t.Error("a row was written to nowhere")
	}
	if err := os.Rename(folder+"-away", folder); err != nil {
		t.Fatal(err)
	}
	if err := write("eve"); err != nil {
		t.Fatal(err)
	}
	if old, now := read(moved), read(cfg.AuditLog); old != "ada bob" || now != "carol dora eve" {
		t.Errorf("%q, then %q", old, now)
	}
}

// Between the lines of the log it is written whatever the level.
func TestTheTrailIsWrittenToTheLog(t *testing.T) {
	cfg := settingsFor(t.TempDir())
	cfg.LogFormat, cfg.AuditLog, cfg.LogLevel = "json", trailStderr, slog.LevelError
	var out bytes.Buffer
	h, err := open(context.Background(), cfg, slog.New(cfg.LogHandler(&out)))
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	if err := h.writeTrail(t.Context()); err != nil {
		t.Fatal(err)
	}
	appendRow(t, h.store, time.Now(), "ada")
	for range 2 {
		if err := h.writeTrail(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := actors(t, out.Bytes()); strings.Join(got, " ") != "ada" {
		t.Errorf("%q in %s", got, &out)
	}
}

// A server writes what happened while it ran, the last rows when it ends, and deletes
// what is old at its start.
func TestTheTrailOfAServer(t *testing.T) {
	cfg := settingsFor(t.TempDir())
	cfg.Listen = "127.0.0.1:0"
	cfg.LogFormat, cfg.AuditLog, cfg.AuditRetention = "json", filepath.Join(t.TempDir(), "audit.log"), audit.MinRetention
	h, err := open(context.Background(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	appendRow(t, h.store, time.Now().Add(-40*24*time.Hour), "old")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	l, err := h.listen(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- h.run(ctx, l, io.Discard) }()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		b, _ := os.ReadFile(cfg.AuditLog)
		if bytes.Contains(b, []byte("audit.deleted")) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the log: %s", b)
		}
	}
	appendRow(t, h.store, time.Now(), "last")
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(cfg.AuditLog)
	if got := actors(t, b); err != nil || len(got) == 0 || got[len(got)-1] != "last" {
		t.Errorf("%q, %v", got, err)
	}
	if bytes.Contains(b, []byte(`"actor":"old"`)) { // it was there before the log was asked for
		t.Error("a row of before is in the log")
	}
}
