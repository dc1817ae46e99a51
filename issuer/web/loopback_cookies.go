package web

import (
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/rind-dev/rind/internal/loopback"
)

// Safari, and other browsers that follow the standard to the letter, drop Secure cookies without TLS, even
// on http://localhost, and so all cookies whose names begin with "__Host-", which must be Secure. Therefore
// on a loopback address without TLS, and only there, cookies have neither. Nothing between the browser and
// rind could read them. The rest of the package uses the full names.

// hostPrefix begins the name of every cookie (RFC 6265bis §4.1.3.2).
const hostPrefix = "__Host-"

// plainLoopback reports whether browsers may drop Secure cookies from an address.
func plainLoopback(public *url.URL) bool {
	return public.Scheme == "http" && loopback.Browser(public.Hostname())
}

// onPlainLoopback reports whether a request was sent to such an address.
func onPlainLoopback(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = strings.Trim(r.Host, "[]")
	}
	return r.TLS == nil && loopback.Browser(host)
}

// withCookiePrefix returns a request whose cookies have their full names.
func withCookiePrefix(r *http.Request) *http.Request {
	cookies := r.Cookies()
	if len(cookies) == 0 {
		return r
	}
	r = r.Clone(r.Context())
	r.Header.Del("Cookie")
	for _, c := range cookies {
		if strings.HasPrefix(c.Name, hostPrefix) {
			continue // left over from when the server had TLS
		}
		if strings.HasPrefix(c.Name, "rind_") {
			c.Name = hostPrefix + c.Name
		}
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value, Quoted: c.Quoted})
	}
	return r
}

// plainCookies is an http.ResponseWriter whose cookies have neither the prefix nor Secure.
type plainCookies struct {
	http.ResponseWriter
	begun bool
}

// WriteHeader implements http.ResponseWriter.
func (p *plainCookies) WriteHeader(status int) {
	p.begin()
	p.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (p *plainCookies) Write(b []byte) (int, error) {
	p.begin()
	return p.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (p *plainCookies) Unwrap() http.ResponseWriter { return p.ResponseWriter }

func (p *plainCookies) begin() {
	if p.begun {
		return
	}
	p.begun = true
	set := p.Header()["Set-Cookie"]
	for i, line := range set {
		c, err := http.ParseSetCookie(line)
		if err != nil || !strings.HasPrefix(c.Name, hostPrefix) {
			continue
		}
		c.Name, c.Secure = strings.TrimPrefix(c.Name, hostPrefix), false
		set[i] = c.String()
	}
}
