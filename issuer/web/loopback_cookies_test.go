package web

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// A browser that keeps and sends no Secure cookie without TLS, as Safari and the jar of these
// tests, signs up, signs in and stays so on http://localhost.
func TestALoopbackWithoutTLSIsUsable(t *testing.T) {
	h := newHouse(t, func(h *house) { h.plain = true })
	ada := h.founder("ada")
	if !ada.holds() {
		t.Fatal("not signed in")
	}
	ada.post("/logout").is(303, "/")
	if ada.holds() {
		t.Error("still signed in")
	}
	ada.signIn()
	if !ada.holds() || ada.cookie("rind_session") == "" || ada.cookie("rind_device") == "" {
		t.Errorf("signed in is %v, session %q, device %q", ada.holds(), ada.cookie("rind_session"), ada.cookie("rind_device"))
	}
}

// There and only there: behind TLS, at another name, and for a request that names another host,
// cookies have their prefix and are Secure, and one without is no session.
func TestCookiesKeepTheirPrefixElsewhere(t *testing.T) {
	for _, address := range []string{"https://localhost", "https://rind.example.org", "http://192.0.2.1:8080", "http://rind.example.org", "http://localhost.example.org"} {
		if u, err := url.Parse(address); err != nil || plainLoopback(u) {
			t.Errorf("%s counts as a loopback without TLS", address)
		}
	}
	for _, address := range []string{"http://localhost:8080", "http://rind.localhost", "http://127.0.0.1:8080", "http://127.8.8.8", "http://[::1]:8080", "http://LOCALHOST"} {
		if u, err := url.Parse(address); err != nil || !plainLoopback(u) {
			t.Errorf("%s does not", address)
		}
	}
	strict, plain := newHouse(t), newHouse(t, func(h *house) { h.plain = true })
	ada := strict.founder("ada")
	grace := plain.founder("grace")
	ask := func(h *house, address, cookie string) (status int, set string) {
		r := httptest.NewRequest("POST", address+"/logout", nil)
		r.Header.Set("Cookie", cookie)
		w := httptest.NewRecorder()
		h.web.ServeHTTP(w, r)
		return w.Code, strings.Join(w.Header().Values("Set-Cookie"), " | ")
	}
	if _, set := ask(plain, "http://rind.example.org", "rind_session="+grace.cookie("rind_session")); set != "" {
		t.Errorf("another host: %q", set)
	}
	if _, set := ask(plain, "https://localhost", "rind_session="+grace.cookie("rind_session")); set != "" {
		t.Errorf("behind TLS: %q", set)
	}
	if _, set := ask(plain, "http://localhost", "rind_session="+grace.cookie("rind_session")); !strings.HasPrefix(set, "rind_session=") || strings.Contains(set, "Secure") || !strings.Contains(set, "HttpOnly; SameSite=Lax") {
		t.Errorf("on the loopback: %q", set)
	}
	if _, set := ask(strict, "http://localhost", "rind_session="+ada.session()); set != "" {
		t.Errorf("a cookie without its prefix is a session: %q", set)
	}
	if _, set := ask(strict, public, "__Host-rind_session="+ada.session()); !strings.HasPrefix(set, "__Host-rind_session=") || !strings.Contains(set, "Secure") {
		t.Errorf("its owner gets %q", set)
	}
}
