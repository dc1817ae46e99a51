package web

import (
	"net/url"
	"strings"
	"testing"
)

func TestLocalPath(t *testing.T) {
	for _, next := range []string{
		"https://evil.example", "//evil.example", "///evil.example", "////evil.example/", "/\\evil.example", "\\\\evil.example", "\\/evil.example",
		"/%5Cevil.example", "/%5c%5cevil.example", "%2F%2Fevil.example", "/%2Fevil.example", "/%2f%2fevil.example", "http:evil.example", "https:/evil.example",
		"javascript:alert(1)", "data:text/html,x", "/\t/evil.example", "/\n/evil.example", "/\r\n/evil.example", "/%09/evil.example", "/%0a/evil.example",
		"/%00", " //evil.example", "\x00//evil.example", "/.//evil.example", "/..//evil.example", "/x/../..//evil.example", "/%2e%2e//evil.example", "/%2e/",
		"@evil.example", "https://rind.example.org@evil.example", "//rind.example.org\\@evil.example", "evil.example", "?x", "#x", "", "/", ".", "..", "/../tokens",
		"/tokens/", "/login", "/login/totp", "/login/recovery", "/logout", "/tokens/%", "/%ff", "/\u2028/evil.example\x7f", "/" + strings.Repeat("a", 2000), "https:///evil.example", "//[::1]/", "/tokens//new",
	} {
		if got := localPath(next); got != "" {
			t.Errorf("localPath(%q) = %q", next, got)
		}
	}
	for next, want := range map[string]string{
		"/tokens": "/tokens", "/projects/demo": "/projects/demo", "/projects/a%20b": "/projects/a%20b", "/tokens/new?project=demo#x": "/tokens/new", "/account/recovery-codes/new": "/account/recovery-codes/new",
	} {
		if got := localPath(next); got != want {
			t.Errorf("localPath(%q) = %q, want %q", next, got, want)
		}
	}
}

// Nobody is sent elsewhere after signing in, whatever the address asked for.
func TestNoOpenRedirect(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	for _, next := range []string{"https://evil.example", "//evil.example", "/\\evil.example", "/%5cevil.example", "/%2Fevil.example", "/.//evil.example", "/\t/evil.example", "javascript:alert(1)"} {
		ada.forget()
		if got := ada.get("/login?next="+url.QueryEscape(next)).is(200, ""); strings.Contains(got.body, "evil") {
			t.Errorf("%q is on the page", next)
		}
		ada.post("/login", "login", "ada", "password", password, "next", next).is(303, "/login/totp")
		if got := ada.get("/login/totp?next="+url.QueryEscape(next)).is(200, ""); strings.Contains(got.body, "evil") {
			t.Errorf("%q is on the page", next)
		}
		ada.post("/login/totp", "code", ada.code(), "next", next).is(303, "/tokens")
	}
	for _, path := range []string{"//evil.example", "//evil.example/..", "/\\evil.example", "/%2f%2fevil.example", "/%5cevil.example", "//evil.example/%2e%2e", "/simple//evil.example", "/assets//evil.example"} {
		r := ada.request("GET", "/", "", "")
		r.URL.Opaque = path
		r.Header.Set("Sec-Fetch-Site", "none")
		if got := ada.sendAs(r); strings.Contains(got.header.Get("Location"), "evil") || got.status >= 500 {
			t.Errorf("%q: %d to %q", path, got.status, got.header.Get("Location"))
		}
	}
}
