package web

import (
	"bytes"
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/ui"
)

// Of all that a person's way makes, nothing secret is in a log, in the audit
// trail, in the files or in an address.
func TestNoSecretIsLeft(t *testing.T) {
	h := newHouse(t)
	secrets := map[string]string{"password": password, "new password": "nine gables over a quiet harbour"}
	link, _, _, err := h.auth.Accounts.SetupLink(context.Background())
	h.must(err)
	secrets["set-up link"] = link.Reveal()
	ada := h.visitor("ada")
	ada.register(ui.PathSetup, link.Reveal())
	secrets["session before the mail"] = ada.session()
	secrets["verification link"] = query(ada.mailed("/verify-email"))
	ada.confirmAddress()
	ada.addAuthenticator()
	secrets["TOTP secret"] = ada.secret
	secrets["session before the codes"] = ada.session()
	ada.saveCodes()
	secrets["session"] = ada.session()
	ada.project("demo")
	secrets["token"], _ = ada.mint("ci", "scope", "chosen", "projects", "demo")
	secrets["the token's signature and caveats"] = secrets["token"][len(secrets["token"])-60:]
	ada.post("/admin/invitations", "email", "bob@example.org").is(200, "")
	secrets["invitation link"] = query(ada.visitor("bob").mailed("/invitation"))
	ada.post("/login", "login", "ada", "password", "typed by mistake "+password).is(422, "")
	ada.post("/login", "login", "a password typed as a name", "password", password).is(422, "")
	secrets["password typed as a name"] = "a password typed as a name"
	secrets["wrong password"] = "typed by mistake"
	ada.post("/account/password", "old_password", password, "password", secrets["new password"]).is(303, "/account")
	ada.forget()
	ada.post("/login", "login", "ada", "password", secrets["new password"]).is(303, "/login/totp")
	secrets["session behind the password"] = ada.session()
	ada.post("/login/recovery", "code", ada.codes[1]).is(303, "/tokens")
	for _, c := range ada.codes {
		secrets["recovery code "+c[:2]] = c
	}
	r := ada.request("POST", "/legacy/", "multipart/form-data; boundary=b", "--b--\r\n")
	r.SetBasicAuth("__token__", secrets["token"])
	ada.send(r)
	r = ada.request("POST", "/legacy/", "multipart/form-data; boundary=b", "--b--\r\n")
	r.SetBasicAuth("ada", secrets["new password"])
	ada.send(r)
	ada.get("/verify-email?link=" + secrets["verification link"])
	for name, where := range places(h) {
		for what, secret := range secrets {
			if secret == "" {
				t.Fatalf("%s is empty", what)
			}
			if bytes.Contains(where, []byte(secret)) || bytes.Contains(bytes.ToLower(where), []byte(strings.ToLower(url.QueryEscape(secret)))) {
				t.Errorf("%s: the %s is in it", name, what)
			}
		}
	}
	if log := h.log.String(); !strings.Contains(log, "route=/login") || !strings.Contains(log, "upload refused") {
		t.Error("the log is not the log")
	}
}

func query(link string) string {
	_, secret, _ := strings.Cut(link, "?link=")
	return secret
}

// places are where no secret may be.
func places(h *house) map[string][]byte {
	h.Helper()
	out := map[string][]byte{"log": []byte(h.log.String())}
	h.must(h.store.View(context.Background(), func(r kv.Reader) error {
		rows, err := audit.All(r, 0, 0)
		if len(rows) < 10 {
			h.Errorf("%d audit rows", len(rows))
		}
		return err
	}))
	for _, name := range []string{"rind.db", "rootkeys.db"} {
		b, err := os.ReadFile(filepath.Join(h.dir, name))
		h.must(err)
		if len(b) < 4096 {
			h.Fatalf("%s has %d bytes", name, len(b))
		}
		out[name] = b
	}
	return out
}

func TestLinkPages(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob := ada.guest("bob")
	link := bob.mailed("/verify-email")
	got := bob.get(link).is(303, "/verify-email")
	if strings.Contains(got.body+strings.Join(got.header.Values("Location"), ""), query(link)) {
		t.Error("the secret is in the redirect")
	}
	if c := strings.Join(got.header.Values("Set-Cookie"), "\n"); !strings.HasPrefix(c, linkCookie+"="+query(link)) || !strings.Contains(c, "; HttpOnly; Secure; SameSite=Lax") {
		t.Errorf("the cookie: %s", c)
	}
	before := h.state()
	scanner := h.visitor("scanner")
	for range 3 {
		scanner.get(link).is(303, "/verify-email")
		scanner.get("/verify-email").is(200, "").says("bob@example.org")
		scanner.send(scanner.request("HEAD", link, "", "")).is(303, "/verify-email")
	}
	if d := changed(before, h.state()); len(d) > 0 {
		t.Errorf("looking at it changed %q", d)
	}
	bob.post("/verify-email", "link", query(link)).is(303, "/account/factors")
	bob.get("/account/factors").says("Your email address is confirmed.")
	if bob.cookie(linkCookie) != "" {
		t.Error("the cookie of the link is left")
	}
	bob.post("/verify-email", "link", query(link)).is(410, "").says("used")
	scanner.get("/verify-email").is(410, "").says("used")
	if scanner.cookie(linkCookie) != "" {
		t.Error("the cookie of a link that does not work is left")
	}

	other := h.visitor("eve")
	ada.post("/admin/invitations", "email", "eve@example.org").is(200, "")
	invitation := query(other.mailed("/invitation"))
	for _, path := range []string{"/verify-email", "/setup"} {
		other.get(path+"?link="+invitation).is(303, path)
		other.get(path).is(410, "")
	}
	other.get("/invitation?link="+invitation).is(303, "/invitation")
	h.clock.pass(authn.PurposeInvitation.Life())
	other.get("/invitation").is(410, "").says("expired")
	other.post("/invitation", "link", invitation, "username", "eve", "email", "eve@example.org", "password", password).is(410, "").says("expired")
	for _, damaged := range []string{"x", invitation[1:], invitation + "a", "a;b", "a b", "%0d%0aSet-Cookie:%20x=y", strings.Repeat("a", 5000), "\u202e"} {
		other.get("/invitation?link="+url.QueryEscape(damaged)).is(303, "/invitation")
		other.get("/invitation").is(410, "")
	}
}

// A link confirmed on another device says so there, and signs nobody in.
func TestALinkOnAnotherDevice(t *testing.T) {
	h := newHouse(t)
	bob := h.founder("ada").guest("bob")
	phone := h.visitor("phone")
	phone.get(bob.mailed("/verify-email")).is(303, "/verify-email")
	phone.post("/verify-email", "link", phone.get("/verify-email").value("link")).is(303, "/login")
	phone.get("/login").is(200, "").says("Your email address is confirmed.")
	if phone.session() != "" {
		t.Error("the phone has a session")
	}
	bob.get("/").is(303, "/account/factors")
}
