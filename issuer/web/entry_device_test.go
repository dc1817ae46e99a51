package web

import (
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/authn"
)

// again signs in with the password, in the browser as it is, after its session ended.
func (p *person) again() page {
	p.Helper()
	p.post("/logout").is(303, "/")
	return p.post("/login", "login", p.name, "password", password)
}

// remembered signs in with both factors and has the device remembered.
func (p *person) remembered() {
	p.Helper()
	p.again().is(303, "/login/totp")
	p.get("/login/totp").says("Remember this device for 30 days")
	p.post("/login/totp", "code", p.code(), "remember", "yes").is(303, "/tokens")
}

// A device is remembered by a tick, signs in with the password alone, and is asked
// for a factor before anything that matters.
func TestRememberedDevice(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	plain := ada.cookie(authn.DeviceCookie)
	if plain == "" {
		t.Fatal("the browser that the account was made in is not known")
	}
	ada.again().is(303, "/login/totp")
	ada.post("/login/totp", "code", ada.code()).is(303, "/tokens")
	ada.again().is(303, "/login/totp") // it was not ticked
	ada.remembered()
	token := ada.cookie(authn.DeviceCookie)
	ada.again().is(303, "/tokens")
	if !ada.holds() {
		t.Fatal("not signed in")
	}
	ada.post("/account/recovery-codes/new").is(303, "/login/totp?next=%2Faccount%2Frecovery-codes%2Fnew")
	if got := ada.get("/login/totp").is(200, ""); strings.Contains(got.text(), "Remember this device") {
		t.Error("asked to remember where only a factor is asked for again")
	}

	thief := h.visitor("ada")
	thief.with(authn.DeviceCookie, token)
	thief.post("/login", "login", "ada", "password", "wrong wrong wrong wrong").is(422, "")
	thief.with(authn.DeviceCookie, plain)
	thief.post("/login", "login", "ada", "password", password).is(303, "/login/totp")

	h.clock.pass(authn.RememberLife)
	ada.again().is(303, "/login/totp")
	if strings.Contains(h.log.String(), token) {
		t.Error("the log holds the cookie")
	}
}

// The cookie is out of reach of scripts, of other hosts and of other sites.
func TestDeviceCookie(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	ada.again().is(303, "/login/totp")
	got := ada.post("/login/totp", "code", ada.code(), "remember", "yes").is(303, "/tokens")
	for _, c := range (&http.Response{Header: got.header}).Cookies() {
		if c.Name != authn.DeviceCookie {
			continue
		}
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 365*24*3600 {
			t.Errorf("%+v", c)
		}
		return
	}
	t.Error("no cookie")
}

var (
	endForm    = regexp.MustCompile(`/account/sessions/[0-9a-f-]{36}/end`)
	forgetForm = regexp.MustCompile(`/account/devices/[0-9a-f-]{36}/forget`)
)

// The page shows where somebody is signed in, and ends that.
func TestSessionsPage(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	first := *ada
	second := *ada
	second.signIn()
	third := *ada
	third.signIn()
	eve := ada.guest("eve").enrol()

	got := third.get("/account/sessions").is(200, "").says("Firefox on Linux").says("127.0.0.1").says("This browser")
	forms := endForm.FindAllString(got.body, -1)
	if len(forms) != 2 {
		t.Fatalf("%d sessions can be ended", len(forms))
	}
	eve.post(forms[0]).is(404, "")
	third.post(forms[0]).is(303, "/account/sessions")
	third.get("/account/sessions").says("That session was ended")
	third.post(forms[0]).is(404, "")
	if first.holds() == second.holds() {
		t.Error("not one of two sessions ended")
	}
	third.post("/account/sessions/end-others").is(303, "/account/sessions")
	if first.holds() || second.holds() || !third.holds() || !eve.holds() {
		t.Error("the wrong sessions ended")
	}
	if got := third.get("/account/sessions").is(200, ""); endForm.MatchString(got.body) || strings.Contains(got.body, "end-others") {
		t.Error("there is something left to end")
	}
	if id := third.session(); strings.Contains(third.get("/account/sessions").body, id) {
		t.Error("the page holds the cookie")
	}
}

// A forgotten device asks for the second factor again.
func TestDeviceIsForgotten(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	eve := ada.guest("eve").enrol()
	ada.remembered()
	got := ada.get("/account/sessions").is(200, "").says("Not needed until")
	forms := forgetForm.FindAllString(got.body, -1)
	if len(forms) != 1 {
		t.Fatalf("%d devices of one browser", len(forms))
	}
	eve.post(forms[0]).is(404, "")
	ada.post(forms[0]).is(303, "/account/sessions")
	ada.get("/account/sessions").says("That browser was forgotten")
	ada.again().is(303, "/login/totp")
}

// A sign-in with a browser that was not known is told by mail, and one with a known
// browser is not.
func TestNewDeviceIsTold(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	told := func() (n int) {
		for _, m := range h.mails.messages() {
			if strings.Contains(m.Subject, "with a new browser") && m.To == ada.address() {
				n++
			}
		}
		return n
	}
	ada.again().is(303, "/login/totp")
	ada.post("/login/totp", "code", ada.code()).is(303, "/tokens")
	if n := told(); n != 0 {
		t.Errorf("told %d times of a known browser", n)
	}
	ada.signIn()
	if n := told(); n != 1 {
		t.Errorf("told %d times of another browser", n)
	}
	h.clock.pass(time.Minute)
}

// In a browser and on a network that the account does not know a code is not enough:
// the link of a mail leads on, in that browser only.
func TestUnknownDevice(t *testing.T) {
	h := newHouse(t, func(h *house) {
		h.confirm, h.trusted = true, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	ada := h.founder("ada")
	away := *ada
	away.forget()
	away.client.Transport = from{away.client.Transport, "203.0.113.5"}
	away.post("/login", "login", "ada", "password", password).is(303, "/login/totp")
	away.post("/login/totp", "code", away.code()).is(303, "/login/device")
	away.get("/login/device").is(200, "").says(ada.address())
	for _, path := range []string{"/tokens", "/account", "/account/sessions", "/account/totp"} {
		away.get(path).is(303, "/login/device")
	}
	link := ada.mailed("/confirm-device")

	phisher := h.visitor("phisher") // somebody who makes the owner, or a scanner, follow it
	phisher.get(link).is(303, "/confirm-device")
	phisher.get("/confirm-device").is(410, "").says("another browser")
	_, secret, _ := strings.Cut(link, "link=")
	phisher.post("/confirm-device", "link", secret).is(410, "")
	ada.post("/confirm-device", "link", secret).is(410, "")

	away.get(link).is(303, "/confirm-device")
	form := away.get("/confirm-device").is(200, "")
	away.post("/confirm-device", "link", form.value("link")).is(303, "/tokens")
	if !away.holds() {
		t.Fatal("not signed in")
	}
	away.post("/confirm-device", "link", secret).is(410, "")
	away.again().is(303, "/login/totp")
	away.post("/login/totp", "code", away.code()).is(303, "/tokens") // it is known now
	if strings.Contains(h.log.String(), secret) {
		t.Error("the log holds the link")
	}
}

// from sends requests as a proxy does for somebody at an address.
type from struct {
	http.RoundTripper
	ip string
}

func (f from) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Forwarded-For", f.ip)
	return f.RoundTripper.RoundTrip(r)
}
