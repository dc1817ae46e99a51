package web

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/instance"
)

// The tests of this file are named after published mistakes of other products that show
// over HTTP; package internal/incidents has the list of all.

// No way of naming somebody in a request signs anybody in but a session: no Basic with a
// password, with or without a code behind it, and no token. Vikunja CVE-2026-33315 (CalDAV),
// Gitea CVE-2026-20779 and CVE-2026-28699 (Basic).
func TestIncidentASecondDoor(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	token, _ := ada.mint("ci")
	stranger := h.visitor("nobody")
	for name, set := range map[string]func() (user, word string){
		"a password":             func() (string, string) { return "ada", password },
		"a password with a code": func() (string, string) { return "ada", password + ada.code() },
		"a token as __token__":   func() (string, string) { return "__token__", token },
		"a token by name":        func() (string, string) { return "ada", token },
		"a recovery code":        func() (string, string) { return "ada", ada.codes[3] },
	} {
		for _, path := range []string{"/tokens", "/account", "/admin/people", "/tokens/new", "/projects"} {
			r := stranger.request("GET", path, "", "")
			r.SetBasicAuth(set())
			if got := stranger.send(r); got.status != 303 || !strings.HasPrefix(got.header.Get("Location"), "/login") {
				t.Errorf("%s opens %s: %d", name, path, got.status)
			}
		}
	}
	for _, scheme := range []string{"Bearer ", "bearer ", "token ", "Token "} {
		r := stranger.request("GET", "/tokens", "", "")
		r.Header.Set("Authorization", scheme+token)
		stranger.send(r).is(303, "/login?next=%2Ftokens")
	}
	stranger.get("/tokens?token="+url.QueryEscape(token)).is(303, "/login?next=%2Ftokens")
	r := stranger.request("POST", "/legacy/", formType, "")
	r.SetBasicAuth("ada", password)
	if got := stranger.send(r); got.status != 403 {
		t.Errorf("an upload with a password: %d", got.status)
	}
}

// Nobody ends somebody else's token by its id. TOB-PYPI26-11.
func TestIncidentDeletionOfAnotherUsersToken(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	eve := ada.guest("eve").enrol()
	_, id := bob.mint("ci")
	before := h.state()
	for _, path := range []string{"/tokens/" + id + "/revoke", "/tokens/" + id + "/restrict", "/tokens/" + id + "/regenerate", "/tokens/" + id} {
		eve.get(path).is(404, "")
		eve.post(path, "label", "mine").is(404, "")
	}
	if d := changed(before, h.state()); len(d) > 0 {
		t.Errorf("it changed %q", d)
	}
	bob.get("/tokens").is(200, "").says("ci")
}

// A session that was planted, or that was known before a step, is worth nothing behind it: at the
// password, the factor, the step-up, the new password and the sign-out. ZITADEL CVE-2024-28197.
func TestIncidentSessionFixation(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	mallory := h.visitor("mallory")
	mallory.get("/login")
	for _, planted := range []string{strings.Repeat("A", 43), mallory.session(), "", "x"} {
		ada.forget()
		ada.with(authn.SessionCookie, planted)
		seen := []string{planted}
		for _, step := range []func() page{
			func() page {
				return ada.post("/login", "login", "ada", "password", password).is(303, "/login/totp")
			},
			func() page { return ada.post("/login/totp", "code", ada.code()).is(303, "/tokens") },
			func() page { return ada.post("/login/totp", "code", ada.code()).is(303, "/tokens") },
			func() page { return ada.post("/account/keys-only", "only", "no").is(303, "/account") },
		} {
			step()
			now := ada.session()
			for _, old := range seen {
				if old == now {
					t.Errorf("the session %q stays", old)
				}
				mallory.forget()
				mallory.with(authn.SessionCookie, old)
				if mallory.holds() {
					t.Errorf("the session %q is worth something", old)
				}
			}
			seen = append(seen, now)
		}
		ada.post("/logout").is(303, "/")
		for _, old := range seen {
			mallory.forget()
			mallory.with(authn.SessionCookie, old)
			if mallory.holds() {
				t.Error("a session outlives the sign-out")
			}
		}
	}
}

// Status and words are the same whether there is an account or not. TOB-PYPI-5, TOB-PYPI26-5.
func TestIncidentEnumerationByWords(t *testing.T) {
	h := newHouse(t, func(h *house) { h.registration = instance.Open })
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	ada.guest("ice").enrol()
	ice, err := h.auth.Accounts.UserByName(t.Context(), "ice")
	h.must(err)
	ada.signIn()
	ada.post("/admin/people/"+ice.ID+"/freeze").is(303, "/admin/people")
	saw := map[string]string{}
	look := func(what string, got page, names ...string) {
		t.Helper()
		words := got.text()
		for _, n := range names {
			words = strings.ReplaceAll(words, n, "NAME")
		}
		answer := fmt.Sprint(got.status, got.header.Get("Location"), got.header.Get("Retry-After"), words)
		if saw[what] == "" {
			saw[what] = answer
		}
		if saw[what] != answer {
			t.Errorf("%s: told apart:\n%s\n%s", what, saw[what], answer)
		}
	}
	for _, c := range [][2]string{{"nobody", "wrong"}, {"bob", "wrong"}, {"ice", "wrong"}, {"ice", password}, {bob.address(), "wrong"}} {
		look("a sign-in", h.visitor("x").post("/login", "login", c[0], "password", c[1]), `value="`+c[0]+`"`)
	}
	for _, name := range []string{"nobody", "bob", "ice"} {
		look("a reset", h.visitor("x").post("/forgot-password", "login", name), name)
	}
	for i, address := range []string{"free@example.org", bob.address()} {
		v := h.visitor("x")
		name := fmt.Sprintf("new%d", i)
		look("a registration", v.post("/register", "username", name, "email", address, "password", password))
		look("the page behind it", v.get("/verify-email/sent"), address, name)
	}
	for _, name := range []string{"nobody", "bob"} {
		for range 20 {
			h.visitor("x").post("/login", "login", name, "password", "wrong")
		}
		look("a sign-in too many", h.visitor("x").post("/login", "login", name, "password", "wrong"), `value="`+name+`"`)
	}
}

// Every cookie has the prefix that ties it to this host, and is sent to no script and no other
// site; one without the prefix means nothing.
func TestIncidentCookieWithoutHostPrefix(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	session := ada.session()
	n := 0
	check := func(got page) page {
		for _, c := range got.header.Values("Set-Cookie") {
			n++
			if !strings.HasPrefix(c, "__Host-") || !strings.Contains(c, "; Secure") || !strings.Contains(c, "; HttpOnly") ||
				!strings.Contains(c, "; SameSite=") || !strings.Contains(c, "Path=/;") || strings.Contains(c, "Domain") {
				t.Errorf("%s: %s", got.what, c)
			}
		}
		return got
	}
	ada.forget()
	check(ada.get("/setup?link=x"))
	check(ada.post("/login", "login", "ada", "password", password))
	check(ada.post("/login/totp", "code", ada.code(), "remember", "yes"))
	check(ada.post("/logout"))
	check(ada.get("/"))
	if n < 4 {
		t.Errorf("only %d cookies", n)
	}
	for _, name := range []string{"rind_session", "session", "__Secure-rind_session", "__host-rind_session", " __Host-rind_session"} {
		r := ada.request("GET", "/account", "", "")
		ada.forget()
		r.Header.Set("Cookie", strings.TrimSpace(name)+"="+session)
		if name[0] == ' ' { // the same name twice: the first one counts, and it is nobody's
			r.Header.Set("Cookie", "__Host-rind_session=x; __Host-rind_session=x")
		}
		if got := ada.send(r); got.status == 200 {
			t.Errorf("%q signs in", name)
		}
	}
}

// Links in mails lead to the address that the operator set, whatever Host a request named.
func TestIncidentHostHeaderInMails(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	n := len(h.mails.messages())
	for path, fields := range map[string][]string{
		"/forgot-password":   {"login", "ada"},
		"/account/email":     {"email", "ada@engines.example"},
		"/admin/invitations": {"email", "bob@example.org"},
	} {
		r := ada.request("POST", path, formType, form(fields...).Encode())
		r.Host = "evil.example"
		r.Header.Set("Cookie", authn.SessionCookie+"="+ada.session()) // a browser would not send it there
		for _, name := range []string{"X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "Forwarded", "X-Host", "X-Original-Host"} {
			r.Header.Set(name, "evil.example")
		}
		if got := ada.send(r); got.status >= 400 {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	links := 0
	for _, m := range h.mails.messages()[n:] {
		if strings.Contains(m.Subject+m.Text+m.HTML, "evil") {
			t.Errorf("the mail believes it:\n%s", m.Text)
		}
		links += strings.Count(m.Text, public+"/")
	}
	if links < 4 {
		t.Errorf("%d links in mails", links)
	}
}

// Twenty spellings of another host, at each place that takes where to go on. Echo CVE-2022-40083.
func TestIncidentOpenRedirect(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	for _, next := range []string{
		"https://evil.example", "//evil.example", "///evil.example", "////evil.example/", `/\evil.example`, `\\evil.example`, `\/evil.example`,
		"/%5Cevil.example", "%2F%2Fevil.example", "/%2Fevil.example", "http:evil.example", "https:/evil.example", "javascript:alert(1)", "data:text/html,evil",
		"/\t/evil.example", "/\n/evil.example", "/%09/evil.example", " //evil.example", "/.//evil.example", "/x/../..//evil.example", "/%2e%2e//evil.example",
		"https://rind.example.org@evil.example", "//rind.example.org\\@evil.example", "\x00//evil.example", "//evil%E3%80%82example",
	} {
		ada.forget()
		ada.post("/login", "login", "ada", "password", password, "next", next).is(303, "/login/totp")
		ada.post("/login/totp", "code", ada.code(), "next", next).is(303, "/tokens")
		ada.get("/login?next="+url.QueryEscape(next)).is(303, "/tokens")
		ada.forget()
		ada.get("/login?next="+url.QueryEscape(next)).is(200, "")
	}
}
