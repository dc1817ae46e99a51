package instance_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/teststore"
	"github.com/rind-dev/rind/internal/problem"
)

var now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func open(t *testing.T) kv.Store {
	t.Helper()
	s, err := teststore.Open(t, filepath.Join(t.TempDir(), "rind.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func put(ctx context.Context, s kv.Store, key string) error {
	return s.Update(ctx, func(tx kv.Tx) error { return tx.Put([]byte(key), []byte("x")) })
}

func has(t *testing.T, s kv.Store, key string) (ok bool) {
	t.Helper()
	if err := s.View(t.Context(), func(r kv.Reader) (err error) { ok, err = kv.Exists(r, key); return err }); err != nil {
		t.Fatal(err)
	}
	return ok
}

func TestGuard(t *testing.T) {
	bare := open(t)
	s := instance.Guard(bare)
	ctx := t.Context()
	set := func(on instance.ReadOnly) {
		t.Helper()
		if err := bare.Update(ctx, func(tx kv.Tx) error { return instance.Save(tx, instance.Settings{ReadOnly: on}) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := put(ctx, s, "a/1"); err != nil {
		t.Fatalf("a new store refuses: %v", err)
	}
	set(instance.ReadOnly{Since: now, By: "ada", Reason: "moving"})
	if err := put(ctx, s, "a/2"); !errors.Is(err, instance.ErrReadOnly) || has(t, bare, "a/2") {
		t.Errorf("written while read-only: %v", err)
	}
	if err := put(ctx, instance.Exempt(bare), "a/3"); err != nil || !has(t, bare, "a/3") {
		t.Errorf("what is exempt was refused: %v", err)
	}
	ran := false
	err := s.Update(ctx, func(kv.Tx) error { ran = true; return nil })
	if !errors.Is(err, instance.ErrReadOnly) || ran { // also where nothing would change: who asks learns nothing
		t.Errorf("it ran: %v, %v", ran, err)
	}
	var got instance.Settings
	if err := s.View(ctx, func(r kv.Reader) (err error) { got, err = instance.Load(r); return err }); err != nil ||
		!got.ReadOnly.On() || got.ReadOnly.By != "ada" || got.ReadOnly.Reason != "moving" {
		t.Errorf("%+v %v", got, err)
	}
	set(instance.ReadOnly{})
	if err := put(ctx, s, "a/4"); err != nil {
		t.Errorf("refused after it ended: %v", err)
	}
}

// Settings that can't be read stop writes: rind may be read-only.
func TestDamagedSettingsRefuse(t *testing.T) {
	bare := open(t)
	if err := bare.Update(t.Context(), func(tx kv.Tx) error { return tx.Put([]byte("instance/settings"), []byte("{")) }); err != nil {
		t.Fatal(err)
	}
	if err := put(t.Context(), instance.Guard(bare), "a/1"); err == nil || has(t, bare, "a/1") {
		t.Errorf("written: %v", err)
	}
}

func TestBanner(t *testing.T) {
	good := instance.Banner{Text: "  Moving\n to a new disk <b>  ", Level: instance.LevelInfo, Until: now.Add(time.Hour)}
	b, err := good.Check(now)
	if err != nil || b.Text != "Moving to a new disk <b>" {
		t.Errorf("%q %v", b.Text, err)
	}
	if !b.Shown(now) || b.Shown(now.Add(time.Hour)) || (instance.Banner{}).Shown(now) || !(instance.Banner{Text: "x"}).Shown(now) {
		t.Error("shown at the wrong time")
	}
	for _, c := range []struct {
		change func(*instance.Banner)
		want   string
	}{
		{func(b *instance.Banner) { b.Text = " \n" }, "text banner_required"},
		{func(b *instance.Banner) { b.Text = strings.Repeat("é", 301) }, "text text_too_long"},
		{func(b *instance.Banner) { b.Text = "a\u202eb" }, "text text_invalid"},
		{func(b *instance.Banner) { b.Text = "a\x00b" }, "text text_invalid"},
		{func(b *instance.Banner) { b.Text = "\xff" }, "text text_invalid"},
		{func(b *instance.Banner) { b.Level = "loud" }, "level banner_level"},
		{func(b *instance.Banner) { b.Until = now }, "until banner_past"},
	} {
		bad := good
		c.change(&bad)
		_, err := bad.Check(now)
		var ps problem.Problems
		if !errors.As(err, &ps) || len(ps) != 1 || ps[0].Field+" "+ps[0].Code != c.want {
			t.Errorf("%+v: %v, want %s", bad, err, c.want)
		}
	}
	full := good
	full.Text = strings.Repeat("é", 300)
	if _, err := full.Check(now); err != nil {
		t.Error(err)
	}
}

func TestReason(t *testing.T) {
	if r, err := instance.CheckReason("  a \t b "); err != nil || r != "a b" {
		t.Errorf("%q %v", r, err)
	}
	if _, err := instance.CheckReason(strings.Repeat("x", 201)); err == nil {
		t.Error("a long reason is taken")
	}
}

// What is exempt is carried out though who asked for it is gone; anything else is not.
func TestExemptDoesNotRideOnItsContext(t *testing.T) {
	bare := open(t)
	s := instance.Guard(bare)
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	if err := put(ctx, instance.Exempt(bare), "a/1"); err != nil || !has(t, bare, "a/1") {
		t.Errorf("not written: %v", err)
	}
	if err := put(ctx, s, "a/2"); !errors.Is(err, context.Canceled) {
		t.Errorf("written: %v", err)
	}
}
