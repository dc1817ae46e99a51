package authn

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/seal"
)

func (e *env) setupLink() Secret {
	e.t.Helper()
	link, _, ok, err := e.Accounts.SetupLink(e.t.Context())
	if err != nil || !ok {
		e.t.Fatalf("no set-up link: %v %v", ok, err)
	}
	return link
}

func TestCheckLinkUsesNothingUp(t *testing.T) {
	e := newEnv(t)
	link := e.setupLink()
	e.wantRow(rowSetupLink, "")
	for range 3 {
		info, err := e.Accounts.CheckLink(t.Context(), PurposeSetup, link)
		if err != nil || info.Purpose != PurposeSetup || info.Email != "" || !info.Expires.Equal(e.now().Add(24*time.Hour)) {
			t.Fatalf("%+v %v", info, err)
		}
	}
	e.register("root", PurposeSetup, link)
	_, err := e.Accounts.CheckLink(t.Context(), PurposeSetup, link)
	wantProblem(t, err, "", CodeLinkUsed)

	info, err := e.Accounts.CheckLink(t.Context(), PurposeVerifyEmail, e.mails.last(t, string(PurposeVerifyEmail)).link)
	if err != nil || info.Username != "root" || info.Email != "root@example.org" {
		t.Fatalf("%+v %v", info, err)
	}
}

func TestLinkExpires(t *testing.T) {
	e := newEnv(t)
	link := e.setupLink()
	e.pass(24*time.Hour - time.Second)
	if _, err := e.Accounts.CheckLink(t.Context(), PurposeSetup, link); err != nil {
		t.Fatal(err)
	}
	e.pass(time.Second)
	_, err := e.core.openLink(PurposeSetup, link) // by the signed expiry, without the store
	wantProblem(t, err, "", CodeLinkExpired)
	_, err = e.Accounts.CheckLink(t.Context(), PurposeSetup, link)
	wantProblem(t, err, "", CodeLinkExpired)
	_, err = e.Accounts.Register(t.Context(), home, Registration{Username: "root", Email: "root@example.org", Password: goodPassword, Purpose: PurposeSetup, Link: link})
	wantProblem(t, err, "", CodeLinkExpired)
}

// A link that was changed anywhere, is of another purpose, or was signed with
// another key, is no link, and that is found out without the store.
func TestLinkForged(t *testing.T) {
	e := newEnv(t)
	link := e.setupLink()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := range link {
		for _, c := range alphabet {
			forged := link[:i] + Secret(c) + link[i+1:]
			if forged == link {
				continue
			}
			_, err := e.core.openLink(PurposeSetup, forged)
			wantProblem(t, err, "", CodeLinkInvalid)
		}
	}
	for _, text := range []Secret{"", "a", link[:len(link)-1], link + "A", link + "=", " " + link, link + "\n", Secret(strings.Repeat("A", 1<<16))} {
		_, err := e.Accounts.CheckLink(t.Context(), PurposeSetup, text)
		wantProblem(t, err, "", CodeLinkInvalid)
	}
	for _, p := range []Purpose{PurposeInvitation, PurposeVerifyEmail, "", "setup2"} {
		_, err := e.core.openLink(p, link)
		wantProblem(t, err, "", CodeLinkInvalid)
	}
	other, err := seal.New(bytes.Repeat([]byte{8}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.core.deriveKeys(other); err != nil {
		t.Fatal(err)
	}
	_, err = e.Accounts.CheckLink(t.Context(), PurposeSetup, link)
	wantProblem(t, err, "", CodeLinkInvalid)
}

// The expiry in the record counts as well as the signed one, and a record of
// another purpose under the link's hash is none of its.
func TestLinkRecordCounts(t *testing.T) {
	e := newEnv(t)
	text, key, rec := e.core.newLink(PurposeInvitation, "subject", "a@example.org")
	for _, c := range []struct {
		change func(*linkRecord)
		code   string
	}{
		{func(r *linkRecord) { r.Expires = e.now() }, CodeLinkExpired},
		{func(r *linkRecord) { r.Purpose = PurposeSetup }, CodeLinkInvalid},
	} {
		changed := rec
		c.change(&changed)
		err := e.core.store.Update(t.Context(), func(tx kv.Tx) error { return kv.PutJSON(tx, key, changed) })
		if err != nil {
			t.Fatal(err)
		}
		_, err = e.Accounts.CheckLink(t.Context(), PurposeInvitation, text)
		wantProblem(t, err, "", c.code)
	}
}

func TestLinksDiffer(t *testing.T) {
	e := newEnv(t)
	seen := map[Secret]bool{}
	for range 100 {
		text, _, _ := e.core.newLink(PurposeSetup, "", "")
		if seen[text] || len(text) != 54 {
			t.Fatalf("link of %d characters, seen %v", len(text), seen[text])
		}
		seen[text] = true
	}
}

func TestSecretHidesItself(t *testing.T) {
	s := Secret("plain-text-of-a-link")
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "link", s, "in", struct{ L Secret }{s})
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "link", s, "in", struct{ L Secret }{s})
	fmt.Fprintf(&out, "%v %s %q %+v %#v %x", s, s, s, struct{ L Secret }{s}, s, s)
	b, err := json.Marshal(map[string]Secret{"link": s})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(b)
	if strings.Contains(out.String(), s.Reveal()) || strings.Contains(out.String(), fmt.Sprintf("%x", s.Reveal())) {
		t.Errorf("the text shows: %s", out.String())
	}
	if s.Reveal() != "plain-text-of-a-link" {
		t.Error("Reveal does not")
	}
}
