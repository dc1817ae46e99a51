package main

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// putKey writes a key file whose key is made of one byte, in one step.
func putKey(t *testing.T, path string, b byte) []byte {
	t.Helper()
	key := make([]byte, rootkeys.KeySize)
	for i := range key {
		key[i] = b
	}
	making := path + ".new"
	if err := errors.Join(os.WriteFile(making, []byte(hex.EncodeToString(key)+"\n"), 0o600), os.Rename(making, path)); err != nil {
		t.Fatal(err)
	}
	return key
}

// hangUp sends SIGHUP to this process until done, which a test waits for.
func hangUp(t *testing.T, done func() bool) {
	t.Helper()
	ours := make(chan os.Signal, 1) // also where nobody else waits for it, it ends nothing
	signal.Notify(ours, syscall.SIGHUP)
	defer signal.Stop(ours)
	for end := time.Now().Add(patience); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing happened")
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
}

// sealedWith tells whether a store that nobody holds opens with a key.
func sealedWith(t *testing.T, path string, key []byte) bool {
	t.Helper()
	s, err := rootkeys.Open(path, rootkeys.Options{Key: key, ReadOnly: true})
	if errors.Is(err, rootkeys.ErrWrongKey) {
		return false
	}
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	return true
}

// isReplaced tells whether another file has taken the place of the one that was at path.
func isReplaced(t *testing.T, path string) func() bool {
	t.Helper()
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return func() bool {
		now, err := os.Stat(path)
		return err == nil && !os.SameFile(before, now)
	}
}

// TestVerifierChangesItsKey changes the key of a follower's store while it runs, and again
// while it does not, and takes a copy under a key of its own.
func TestVerifierChangesItsKey(t *testing.T) {
	f := newFed(t)
	dir := t.TempDir()
	ca, keyFile, keys := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "key"), filepath.Join(dir, "rootkeys.db")
	writeCertificate(t, ca, f.server)
	first := putKey(t, keyFile, 1)
	follow := func(meanwhile func(address string), more ...string) {
		t.Helper()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		address, ended := realtest.FreeAddress(t), make(chan int, 1)
		go func() {
			_, _, code := rind(ctx, append([]string{"verifier", "follow", "--issuer", f.server.URL, "--secret-file", f.secret,
				"--keys", keys, "--key-file", keyFile, "--ca-file", ca, "--status", address}, more...)...)
			ended <- code
		}()
		code := -1
		for end := time.Now().Add(patience); code != 0 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			_, _, code = rind(t.Context(), "verifier", "status", "--from", address)
		}
		meanwhile(address)
		stop()
		if got := <-ended; code != 0 || got != 0 {
			t.Fatalf("status %d, end %d", code, got)
		}
	}
	var second []byte
	follow(func(address string) {
		second = putKey(t, keyFile, 2)
		hangUp(t, isReplaced(t, keys))
		if _, _, code := rind(t.Context(), "verifier", "status", "--from", address); code != 0 {
			t.Errorf("after the change: %d", code)
		}
	})
	if sealedWith(t, keys, first) || !sealedWith(t, keys, second) {
		t.Error("the store is not sealed with the second key")
	}
	old := filepath.Join(dir, "key.old")
	if err := os.Rename(keyFile, old); err != nil {
		t.Fatal(err)
	}
	third := putKey(t, keyFile, 3)
	follow(func(string) {}, "--old-key-file", old)
	if !sealedWith(t, keys, third) {
		t.Error("the store is not sealed with the third key")
	}
	copied, copyKey := filepath.Join(dir, "copy.db"), filepath.Join(dir, "copy.key")
	args := []string{"verifier", "copy", "--keys", keys, "--key-file", keyFile, "--to", copied, "--to-key-file", copyKey}
	if out, errs, code := rind(t.Context(), args...); code != 0 || !strings.Contains(out, "revision") {
		t.Fatalf("copy: %d: %s%s", code, out, errs)
	}
	if out, errs, code := rind(t.Context(), "verifier", "status", "--keys", copied, "--key-file", copyKey); code != 0 || !strings.Contains(out, "usable:    yes") {
		t.Errorf("the copy: %d: %s%s", code, out, errs)
	}
	if out, errs, code := rind(t.Context(), args...); code == 0 || out != "" || errs == "" {
		t.Errorf("over a file that is there: %d: %s%s", code, out, errs)
	}
}

// TestServeChangesTheKeyOfItsRootKeys gives the root-key store of an instance a key of its
// own, and changes that while it serves.
func TestServeChangesTheKeyOfItsRootKeys(t *testing.T) {
	cfg := settingsFor(t.TempDir())
	keys := filepath.Join(cfg.DataDir, rootKeysFile)
	serve := func(meanwhile func()) {
		t.Helper()
		h, err := open(context.Background(), cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		hangups, release := catchHangups()
		defer release()
		h.hangups = hangups
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- h.run(ctx, l, new(strings.Builder)) }()
		get200(t, "http://"+l.Addr().String()+"/healthz")
		meanwhile()
		stop()
		if err := errors.Join(<-ended, h.close()); err != nil {
			t.Fatal(err)
		}
	}
	serve(func() {}) // with the key of everything
	cfg.RootKeysKeyFile = filepath.Join(cfg.DataDir, "rootkeys.key")
	own := putKey(t, cfg.RootKeysKeyFile, 1)
	serve(func() {})
	if !sealedWith(t, keys, own) {
		t.Error("the store is not sealed with its own key")
	}
	var next []byte
	serve(func() {
		next = putKey(t, cfg.RootKeysKeyFile, 2)
		hangUp(t, isReplaced(t, keys))
	})
	if !sealedWith(t, keys, next) {
		t.Error("the store is not sealed with the next key")
	}
}
