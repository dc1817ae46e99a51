package web

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	before := h.state()
	for _, c := range []struct {
		name   string
		header []string
		status int
	}{
		{"another site, says the browser", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"a neighbour, says the browser", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"another origin", []string{"Origin", "https://evil.example", "Sec-Fetch-Site", ""}, 403},
		{"no origin to speak of", []string{"Origin", "null", "Sec-Fetch-Site", ""}, 403},
		{"the public name in another scheme", []string{"Origin", "http://rind.example.org", "Sec-Fetch-Site", ""}, 403},
		{"a name like the public one", []string{"Origin", public + ".evil.example", "Sec-Fetch-Site", ""}, 403},
		{"the same origin", []string{"Sec-Fetch-Site", "same-origin"}, 303},
		{"the public name, through a proxy", []string{"Origin", public, "Sec-Fetch-Site", ""}, 303},
	} {
		r := ada.request("POST", "/logout", formType, "")
		for i := 0; i < len(c.header); i += 2 {
			r.Header.Set(c.header[i], c.header[i+1])
		}
		if r.Header.Get("Sec-Fetch-Site") == "" { // send would set it
			r.Header["Sec-Fetch-Site"] = []string{"", ""}
		}
		if c.status == 303 {
			ada.signIn()
		}
		got := ada.sendAs(r)
		if got.status != c.status {
			t.Errorf("%s: %d, want %d", c.name, got.status, c.status)
		}
		if c.status == 403 {
			got.says(h.pages.Problem("en", ui.Problem{Code: "cross_origin"}))
			if d := changed(before, h.state()); len(d) > 0 || !ada.holds() {
				t.Errorf("%s: it changed %q", c.name, d)
			}
		}
	}
}

// sendAs sends a request as it is.
func (p *person) sendAs(r *http.Request) page {
	p.Helper()
	resp, err := p.client.Do(r)
	p.must(err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	p.must(err)
	return page{p.T, r.Method + " " + r.URL.Path, resp.StatusCode, resp.Header, string(b)}
}

// Headers that every answer of a page has.
func TestHeaders(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	ada.project("demo")
	asset := regexp.MustCompile(`/assets/[^"]+\.css`).FindString(ada.get("/tokens").body)
	for _, c := range []struct {
		path  string
		cache string
	}{
		{"/", "no-store"}, {"/tokens", "no-store"}, {"/account", "no-store"}, {"/projects/demo", "no-store"}, {"/no/such/page", "no-store"}, {"/login/totp", "no-store"},
		{"/verify-email", "no-store"}, {"/healthz", "no-store"}, {"/assets/none", "no-store"}, {asset, "public, max-age=31536000, immutable"}, {"/simple/", "no-cache"},
	} {
		got := ada.get(c.path)
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin", "Strict-Transport-Security": "max-age=31536000",
		} {
			if v := got.header.Get(name); v != want && !(c.path == "/simple/" && v != "") {
				t.Errorf("%s: %s is %q", c.path, name, v)
			}
		}
		policy := got.header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
			t.Errorf("%s: the policy is %q", c.path, policy)
		}
		if cache := got.header.Values("Cache-Control"); len(cache) == 0 || cache[0] != c.cache {
			t.Errorf("%s: Cache-Control is %q", c.path, cache)
		}
		if len(got.header.Get("X-Request-Id")) != 26 || got.header.Get("Server") != "" {
			t.Errorf("%s: %v", c.path, got.header)
		}
		if strings.Contains(got.body, "<style") || regexp.MustCompile(`<[^>]+\s(on\w+|style)=`).MatchString(got.body) || regexp.MustCompile(`<script>`).MatchString(got.body) {
			t.Errorf("%s: inline style or script", c.path)
		}
	}
	first, second := ada.get("/").header.Get("X-Request-Id"), ada.get("/").header.Get("X-Request-Id")
	if first == second {
		t.Error("two requests have one id")
	}
}

// No route of a page is without them, whoever asks and whatever the answer.
func TestHeadersOfEveryRoute(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	for _, route := range h.web.Routes() {
		method, path, _ := strings.Cut(route, " ")
		if strings.HasPrefix(path, pathLegacy) || strings.HasPrefix(path, pathSimple) || strings.HasPrefix(path, pathPackages) || path == string(ui.PathLogout) {
			continue // not pages; and ada stays
		}
		path = strings.NewReplacer(":id", "x", ":name", "x", "*", "none").Replace(path)
		for _, p := range []*person{ada, h.visitor("nobody")} {
			header := p.send(p.request(method, path, "", "")).header
			for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Permissions-Policy", "Strict-Transport-Security", "X-Request-Id"} {
				if len(header.Values(name)) != 1 {
					t.Errorf("%s: %s is %q", route, name, header.Values(name))
				}
			}
			if header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: Cache-Control is %q", route, header.Get("Cache-Control"))
			}
		}
	}
}

// Browsers keep to https for a year where the public address has it, and are not told
// so where it has not.
func TestStrictTransportOnlyWithTLS(t *testing.T) {
	h := newHouse(t)
	h.web.public = &url.URL{Scheme: "http", Host: "localhost:8080"}
	if v := h.visitor("x").get("/").header.Get("Strict-Transport-Security"); v != "" {
		t.Errorf("it says %q", v)
	}
}

// Other services of the domain may have no HTTPS: only a setting speaks for them.
func TestStrictTransportForSubdomainsIsASetting(t *testing.T) {
	h := newHouse(t)
	if v := h.visitor("x").get("/").header.Get("Strict-Transport-Security"); v != "max-age=31536000" {
		t.Errorf("by default it says %q", v)
	}
	h.web.hstsSubdomains = true
	if v := h.visitor("x").get("/").header.Get("Strict-Transport-Security"); v != "max-age=31536000; includeSubDomains" {
		t.Errorf("with the setting it says %q", v)
	}
}

// A trusted proxy that writes no address is warned of in other words than one that is not
// trusted, and once.
func TestProxyThatWritesNoAddress(t *testing.T) {
	h := newHouse(t, func(h *house) { h.trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	for _, said := range []string{"203.0.113.9:52100", "unknown", "", "unix:", "203.0.113.9"} {
		r := h.visitor("x").request("GET", "/", "", "")
		r.Header.Set("X-Forwarded-For", said)
		h.visitor("x").send(r)
	}
	log := h.log.String()
	if strings.Contains(log, "add its address to trusted-proxies") || strings.Count(log, "something into X-Forwarded-For that is no address") != 1 {
		t.Errorf("the log says\n%s", log)
	}
	if n := strings.Count(log, "ip=203.0.113.9 "); n != 2 {
		t.Errorf("the client's address is in %d lines of\n%s", n, log)
	}
}

// What a client says of itself is not believed: host, address, request id.
func TestLiesOfClients(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	for _, path := range []string{"/", "/login", "/account", "/tokens/new"} {
		r := ada.request("GET", path, "", "")
		r.Host = "evil.example"
		r.Header.Set("Cookie", authn.SessionCookie+"="+ada.session()) // a browser would not send it there
		for _, name := range []string{"X-Forwarded-Host", "X-Forwarded-Server", "Forwarded", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix"} {
			r.Header.Set(name, "evil.example")
		}
		r.Header.Set("X-Request-Id", "evil-id")
		r.Header.Set("X-Forwarded-For", "198.51.100.66")
		r.Header.Set("X-Real-Ip", "198.51.100.66")
		if got := ada.send(r); strings.Contains(got.body+fmt.Sprint(got.header), "evil") || strings.Contains(got.header.Get("Location"), "/login") {
			t.Errorf("%s believes it: %v", path, got.header)
		}
	}
	r := ada.request("POST", "/admin/invitations", formType, "email=bob@example.org")
	r.Host = "evil.example"
	r.Header.Set("Cookie", authn.SessionCookie+"="+ada.session()) // a browser would not send it there
	r.Header.Set("X-Forwarded-Host", "evil.example")
	r.Header.Set("X-Forwarded-For", "198.51.100.66")
	ada.send(r).is(200, "").says(public + "/invitation?link=")
	for _, m := range h.mails.messages() {
		if strings.Contains(m.Subject+m.Text+m.HTML, "evil") || strings.Contains(m.Text, "198.51.100.66") {
			t.Errorf("the mail believes it:\n%s", m.Text)
		}
	}
	if log := h.log.String(); strings.Contains(log, "198.51.100.66") || strings.Contains(log, "evil") {
		t.Error("the log believes it")
	}
	if n := strings.Count(h.log.String(), "add its address to trusted-proxies"); n != 1 {
		t.Errorf("a proxy that is not trusted is hinted at %d times", n)
	}
	for k, v := range h.state() {
		if strings.Contains(v, "198.51.100.66") {
			t.Errorf("%s believes it", k)
		}
	}
}

func TestClientIP(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	for _, c := range []struct {
		trusted    []netip.Prefix
		peer, said string
		want       string
	}{
		{nil, "198.51.100.1:1", "203.0.113.5", "198.51.100.1"},
		{nil, "127.0.0.1:1", "203.0.113.5", "127.0.0.1"},
		{nil, "[fe80::1%eth0]:1", "", "fe80::1"},
		{nil, "[::ffff:198.51.100.1]:1", "", "198.51.100.1"},
		{nil, "@", "203.0.113.5", ""},
		{proxies, "198.51.100.1:1", "203.0.113.5", "198.51.100.1"},
		{proxies, "127.0.0.1:1", "203.0.113.5", "127.0.0.1"},
		{proxies, "10.0.0.1:1", "203.0.113.5", "10.0.0.1"},
		{proxies, "192.0.2.9:1", "203.0.113.5", "203.0.113.5"},
		{proxies, "192.0.2.9:1", "1.1.1.1, 203.0.113.5", "203.0.113.5"},
		{proxies, "192.0.2.9:1", "1.1.1.1, 203.0.113.5, 192.0.2.7", "203.0.113.5"},
		{proxies, "192.0.2.9:1", "1.1.1.1, 10.0.0.1", "10.0.0.1"},
		{proxies, "192.0.2.9:1", "junk", "192.0.2.9"},
		{proxies, "192.0.2.9:1", "", "192.0.2.9"},
		{proxies, "[2001:db8::1]:1", "2001:db9::7", "2001:db9::7"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.peer
		if c.said != "" {
			r.Header.Set("X-Forwarded-For", c.said)
		}
		r.Header.Set("X-Real-Ip", "203.0.113.99")
		got := ""
		if a := ClientIP(c.trusted)(r); a.IsValid() {
			got = a.String()
		}
		if got != c.want {
			t.Errorf("%v, peer %s, said %q: %q, want %q", c.trusted, c.peer, c.said, got, c.want)
		}
	}
}

func TestOddRequests(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	ada.project("demo")
	long := strings.Repeat("x", 20000)
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"HEAD", "/", 303, ""}, {"HEAD", "/tokens", 200, ""}, {"HEAD", "/healthz", 200, ""}, {"HEAD", "/no/such/page", 404, ""},
		{"PUT", "/tokens", 405, "OPTIONS, GET, HEAD"}, {"DELETE", "/tokens/new", 405, "OPTIONS, GET, POST, HEAD"}, {"PATCH", "/", 405, "OPTIONS, GET, HEAD"},
		{"GET", "/logout", 405, "OPTIONS, POST"}, {"GET", "/account/password", 405, "OPTIONS, POST"}, {"OPTIONS", "/tokens", 204, "OPTIONS, GET, HEAD"},
		{"TRACE", "/tokens", 405, "OPTIONS, GET, HEAD"}, {"PROPFIND", "/tokens", 405, "OPTIONS, GET, HEAD"}, {"BREW", "/tokens", 405, "OPTIONS, GET, HEAD"}, {"POST", "/simple/", 405, "OPTIONS, GET, HEAD"},
		{"GET", "/tokens/", 404, ""}, {"GET", "/Tokens", 404, ""}, {"GET", "/tokens//new", 404, ""}, {"GET", "/./tokens", 404, ""}, {"GET", "/tokens%2Fnew", 404, ""},
		{"GET", "/projects/..%2Ftokens", 404, ""}, {"GET", "/projects/%2e%2e%2ftokens", 404, ""}, {"GET", "/projects/demo%2Fleave", 404, ""}, {"GET", "/projects/%64emo", 404, ""},
		{"GET", "/projects/demo%00", 404, ""}, {"GET", "/projects/%ff", 404, ""}, {"GET", "/projects/" + long, 404, ""}, {"GET", "/" + long, 404, ""},
		{"GET", "/assets/..%2f..%2fgo.mod", 404, ""}, {"GET", "/assets/../ui.go", 404, ""}, {"GET", "/assets/", 404, ""}, {"GET", "/assets/%00", 404, ""},
		{"GET", "/packages/..%2f..%2frind.db", 404, ""}, {"GET", "/packages/demo/..%2f..%2frind.db", 404, ""}, {"GET", "/admin%2Fpeople", 404, ""},
		{"GET", "/tokens?after=" + long, 422, ""}, {"GET", "/admin/people?after=" + long, 200, ""}, {"GET", "/tokens/new?project=" + long, 200, ""}, {"GET", "/tokens?%zz=;", 200, ""},
		{"GET", "/verify-email?link=" + long, 303, ""}, {"GET", "/login?next=" + long, 303, ""},
	} {
		r := ada.request(c.method, "/", "", "")
		raw, query, _ := strings.Cut(c.path, "?")
		r.URL.Opaque, r.URL.RawQuery = "//"+r.URL.Host+raw, query
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		got := ada.sendAs(r)
		what := c.method + " " + c.path[:min(len(c.path), 60)]
		allow := strings.Split(got.header.Get("Allow"), ", ")
		wanted := strings.Split(c.allow, ", ")
		slices.Sort(allow)
		slices.Sort(wanted)
		if got.status != c.status || !slices.Equal(allow, wanted) {
			t.Errorf("%s: %d, Allow %q; want %d, %q", what, got.status, allow, c.status, wanted)
		}
		paged := strings.HasPrefix(got.header.Get("Content-Type"), "text/html") ||
			strings.HasPrefix(c.path, "/packages") || strings.HasPrefix(c.path, "/simple") // these speak to programs
		if c.status >= 400 && !paged || c.method == "HEAD" && got.body != "" {
			t.Errorf("%s: %q %q", what, got.header.Get("Content-Type"), got.body)
		}
	}
	r := ada.request("GET", "/tokens", "", "")
	r.Header.Set("Cookie", "junk="+strings.Repeat("y", 20000)+"; "+r.Header.Get("Cookie"))
	if got := ada.send(r); got.status >= 500 {
		t.Errorf("a huge cookie: %d", got.status)
	}
	r.Header.Set("Cookie", "junk="+strings.Repeat("y", 200000))
	if got := ada.send(r); got.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a cookie beyond the limit: %d", got.status)
	}
}
