package followers_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/teststore"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/followers"
	"github.com/rind-dev/rind/issuer/ledger"
)

func TestRegisterVerifier(t *testing.T) {
	h := newHouse(t)
	var v followers.Verifier
	var secret string
	rows := h.Wrote(nil, func() (err error) {
		v, secret, err = h.Followers.RegisterVerifier(t.Context(), root, "  berlin ")
		return err
	}, "verifier.registered root -")
	if d := rows[0].Detail; d["verifier"] != "berlin" || d["id"] != v.ID || len(d) != 2 {
		t.Errorf("the row says %v", d)
	}
	if v.Name != "berlin" || v.CreatedBy != "root" || !v.Created.Equal(start) {
		t.Errorf("registered %+v", v)
	}
	if !strings.HasPrefix(secret, "rindv_") || len(secret) != 6+43 {
		t.Errorf("the secret has %d characters", len(secret))
	}
	got, err := h.Followers.AuthenticateVerifier(t.Context(), secret)
	if err != nil || got.ID != v.ID || got.Name != "berlin" {
		t.Errorf("signed in as %+v (%v)", got, err)
	}
	for _, wrong := range []string{"", "rindv_", secret[:48], secret + "A", strings.ToUpper(secret), strings.Repeat("x", 1000), secret[6:], "rindv_" + strings.Repeat("A", 43)} {
		if _, err := h.Followers.AuthenticateVerifier(t.Context(), wrong); !errors.Is(err, followers.ErrVerifierUnknown) {
			t.Errorf("a wrong secret of %d characters: %v", len(wrong), err)
		} else if wrong != "" && wrong != "rindv_" && strings.Contains(err.Error(), wrong) {
			t.Error("the error holds the secret")
		}
	}
	if _, other := h.Verifier("paris"); other == secret {
		t.Error("two secrets are one")
	}
	frozen := root
	frozen.UserID = carolID
	h.Record(carolID, "carol", true)
	for _, tt := range []struct {
		p    ledger.Principal
		name string
		want any
	}{
		{alice, "x", ledger.ErrNotFound},
		{frozen, "x", ledger.ErrFrozen},
		{root, "", "name: verifier_name_required"},
		{root, " \t", "name: verifier_name_required"},
		{root, strings.Repeat("é", 65), "name: verifier_name_too_long"},
		{root, "a\nb", "name: verifier_name_invalid"},
		{root, "a\u202eb", "name: verifier_name_invalid"},
		{root, "a\xffb", "name: verifier_name_invalid"},
		{root, "BERLIN", "name: verifier_name_taken"},
	} {
		h.Refused(tt.want, func() error { _, _, err := h.Followers.RegisterVerifier(t.Context(), tt.p, tt.name); return err })
	}
	if _, _, err := h.Followers.RegisterVerifier(t.Context(), root, strings.Repeat("é", 64)); err != nil {
		t.Error(err)
	}
}

func TestRevokeVerifier(t *testing.T) {
	h := newHouse(t)
	v, secret := h.Verifier("berlin")
	at, err := h.Followers.Position(t.Context())
	h.Check(err)
	x, err := h.Followers.OpenStream(t.Context(), v, at)
	h.Check(err)
	h.Refused(ledger.ErrNotFound, func() error { return h.Followers.RevokeVerifier(t.Context(), alice, v.ID) })
	h.Refused(ledger.ErrNotFound, func() error { return h.Followers.RevokeVerifier(t.Context(), root, nobodyID) })
	h.Refused(ledger.ErrNotFound, func() error { return h.Followers.RevokeVerifier(t.Context(), root, strings.Repeat("x", 2000)) })
	select {
	case <-x.Gone():
		t.Fatal("the stream ended by itself")
	default:
	}
	h.Wrote(nil, func() error { return h.Followers.RevokeVerifier(t.Context(), root, v.ID) }, "verifier.revoked root -")
	<-x.Gone()
	h.Wrote(nil, func() error { return h.Followers.RevokeVerifier(t.Context(), root, v.ID) }) // again: nothing
	if _, err := h.Followers.AuthenticateVerifier(t.Context(), secret); !errors.Is(err, followers.ErrVerifierUnknown) {
		t.Errorf("a revoked secret: %v", err)
	}
	if _, err := h.Followers.OpenStream(t.Context(), v, at); !errors.Is(err, followers.ErrVerifierUnknown) {
		t.Errorf("a stream after the revocation: %v", err)
	}
	if c := h.Followers.Confirm(t.Context(), h.Revision(), 0); c.Connected != 0 || c.Away != nil {
		t.Errorf("a revoked verifier still counts: %+v", c)
	}
	h.Verifier("berlin") // the name is free again
	all, err := h.Followers.Verifiers(t.Context(), root)
	if err != nil || len(all) != 2 || !all[0].Revoked.At.IsZero() || all[1].Revoked.Username != "root" {
		t.Errorf("the list is %+v (%v)", all, err)
	}
	if _, err := h.Followers.Verifiers(t.Context(), alice); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("the list for anybody: %v", err)
	}
	if _, err := h.Followers.Verifier(t.Context(), root, nobodyID); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("a verifier that is none: %v", err)
	}
}

// The secret of a verifier is in the answer to RegisterVerifier and nowhere else.
func TestVerifierSecretIsKeptNowhere(t *testing.T) {
	var log bytes.Buffer
	h := newHouse(t, func(c *issuer.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	v, secret := h.Verifier("berlin")
	_, err := h.Followers.AuthenticateVerifier(t.Context(), secret)
	h.Check(err)
	pos, err := h.Followers.Position(t.Context())
	h.Check(err)
	h.Check(h.Followers.Report(t.Context(), v, feed.Report{Applied: pos}))
	h.Check(h.Followers.RevokeVerifier(t.Context(), root, v.ID))
	file, err := teststore.Raw(t, h.Path)
	h.Check(err)
	for name, b := range map[string][]byte{"the store": file, "the log": log.Bytes()} {
		if bytes.Contains(b, []byte(secret[6:])) {
			t.Errorf("%s holds the secret", name)
		}
	}
	if !bytes.Contains(file, []byte("berlin")) || !strings.Contains(log.String(), "verifier registered") {
		t.Error("the search is wrong")
	}
}

func TestVerifiersSayHowTheyFollow(t *testing.T) {
	h := newHouse(t)
	v, _ := h.Verifier("berlin")
	find := func() followers.Verifier {
		t.Helper()
		got, err := h.Followers.Verifier(t.Context(), root, v.ID)
		h.Check(err)
		return got
	}
	if got := find(); !got.Seen.IsZero() || got.Lag != 4 || got.Behind != 0 {
		t.Errorf("never seen: %+v", got)
	}
	at, err := h.Followers.Position(t.Context())
	h.Check(err)
	x, err := h.Followers.OpenStream(t.Context(), v, at)
	h.Check(err)
	h.Mint(alice, forAll("a"))
	h.Clock.Add(time.Minute)
	h.Mint(alice, forAll("b"))
	h.Clock.Add(time.Minute)
	if got := find(); got.Lag != 2 || got.Behind != 2*time.Minute || !got.Connected.Equal(start) || !got.Seen.Equal(start) || x.Silence() != 2*time.Minute {
		t.Errorf("two behind: %+v", got)
	}
	at = h.After(at.Revision + 1)
	h.Check(h.Followers.Report(t.Context(), v, feed.Report{Applied: at}))
	if got := find(); got.Lag != 1 || got.Behind != time.Minute || got.Applied != at || x.Silence() != 0 {
		t.Errorf("one behind: %+v", got)
	}
	x.Close()
	x.Close()
	if got := find(); !got.Connected.IsZero() || got.Lag != 1 {
		t.Errorf("closed: %+v", got)
	}
	// What is known outlives the process, to a few minutes.
	h.Check(h.Store.Close())
	h.Open()
	if got := find(); !got.Seen.Equal(h.Clock.Now().Truncate(time.Minute)) || got.Applied != at || got.Lag != 1 {
		t.Errorf("after a restart: %+v", got)
	}
	// And it costs no write at each report.
	at.Revision++
	before := h.seen(v.ID)
	h.Check(h.Followers.Report(t.Context(), v, feed.Report{Applied: at})) // the first since the restart
	h.Clock.Add(time.Minute)
	h.Check(h.Followers.Report(t.Context(), v, feed.Report{Applied: at}))
	after := h.seen(v.ID)
	if after == before {
		t.Error("the first report after a restart was not noted")
	}
	h.Clock.Add(time.Minute)
	h.Check(h.Followers.Report(t.Context(), v, feed.Report{Applied: at}))
	if h.seen(v.ID) != after {
		t.Error("a report within minutes was written down")
	}
	if got := find(); got.Lag != 0 || got.Behind != 0 {
		t.Errorf("caught up: %+v", got)
	}
}

func (h *house) seen(id string) (text string) {
	h.Helper()
	h.Check(h.Store.View(h.Context(), func(r kv.Reader) error {
		b, err := r.Get([]byte("issuer/seen/" + id))
		text = string(b)
		return err
	}))
	return text
}
