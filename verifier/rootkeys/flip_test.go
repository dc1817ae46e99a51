package rootkeys

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/rind-dev/rind/verifier"
)

// TestFlippedBits flips a bit in many places of every page of a closed file. What
// then opens and answers, answers as before; nothing panics, nothing hangs, and no
// flipped bit makes a record say something else.
func TestFlippedBits(t *testing.T) {
	path := storePath(t)
	s := open(t, path)
	apply(t, s, user(alice, "alice"), project(first, "demo", alice))
	for n := range 60 {
		apply(t, s, tokenChange(t, n))
	}
	want := lookup(t, s, 7, "demo")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "flipped.db")
	outcomes := map[string]int{}
	for at := 0; at < len(good); at += step(at) {
		bad := append([]byte(nil), good...)
		bad[at] ^= 1 << (at % 7)
		if err := os.WriteFile(copied, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		outcomes[outcome(t, copied, at, want)]++
	}
	t.Log(outcomes)
	if outcomes["same"] == 0 || outcomes["refused"] == 0 || outcomes["damaged"] == 0 {
		t.Errorf("%v: the flips don't reach every answer", outcomes)
	}
}

// step looks closely at the beginnings of pages, where bbolt keeps its own
// numbers, and in strides at the rest.
func step(at int) int {
	if at%os.Getpagesize() < 160 {
		return 3
	}
	return 37
}

func outcome(t *testing.T, path string, at int, want verifier.Record) string {
	t.Helper()
	s, err := Open(path, Options{Key: testKey, Timeout: time.Second})
	if err != nil {
		return "refused"
	}
	defer s.Close()
	rec, err := s.Lookup(context.Background(), tokenID(7), "demo")
	switch {
	case err == nil && reflect.DeepEqual(rec, want):
		return "same"
	case err == nil && rec.Project == (verifier.Project{}):
		rec.Project = want.Project // the name or the role is not found where its key was hit
		if reflect.DeepEqual(rec, want) {
			return "no project"
		}
	case err == nil && !rec.Project.Member:
		return "no member"
	case errors.Is(err, verifier.ErrUnknownToken):
		return "unknown" // the token is not found where its key was hit
	case err != nil:
		return "damaged"
	}
	t.Errorf("flipped at %d, the record says\n%+v, not\n%+v: %v", at, rec, want, err)
	return "wrong"
}
