package clientip

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for said, want := range map[string]string{
		"203.0.113.9": "203.0.113.9", "203.0.113.9:52100": "203.0.113.9", " 203.0.113.9:1\t": "203.0.113.9",
		"203.0.113.9:0": "203.0.113.9", "203.0.113.9:65535": "203.0.113.9",
		"2001:db8::7": "2001:db8::7", "[2001:db8::7]": "2001:db8::7", "[2001:db8::7]:443": "2001:db8::7", "2001:DB8:0::7": "2001:db8::7",
		"[fe80::1%eth0]:1": "fe80::1", "fe80::1%eth0": "fe80::1",
		"::ffff:203.0.113.9": "203.0.113.9", "[::ffff:203.0.113.9]:80": "203.0.113.9",
		"2001:db8::7:443": "2001:db8::7:443", // without brackets it is all address

		"": "", " ": "", "unknown": "", "_hidden": "", "@": "", "unix:": "", "localhost": "", "example.org:80": "",
		"203.0.113.9:": "", "203.0.113.9:x": "", "203.0.113.9:65536": "", "203.0.113.9:-1": "", "203.0.113.9:+1": "", "203.0.113.9:1:2": "",
		"[203.0.113.9]": "", "[203.0.113.9]:80": "", "[2001:db8::7": "", "2001:db8::7]": "", "[2001:db8::7]443": "", "[2001:db8::7]:": "",
		"[2001:db8::7]:x": "", "[[2001:db8::7]]": "", "[]": "", "[]:80": "", ":80": "", "203.0.113": "", "0203.0.113.9": "",
		`"203.0.113.9"`: "", "203.0.113.9/32": "", "203.0.113.9\x00": "", "203.0.113.9, 203.0.113.8": "",
	} {
		got := ""
		addr, ok := Parse(said)
		if ok {
			got = addr.String()
		}
		if got != want || ok != addr.IsValid() {
			t.Errorf("%q: %q (%v), want %q", said, got, ok, want)
		}
	}
}

func TestFind(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	for _, c := range []struct {
		peer    string
		said    []string
		want    string
		verdict Verdict
	}{
		{"192.0.2.9:1", nil, "192.0.2.9", Unnamed},
		{"192.0.2.9:1", []string{""}, "192.0.2.9", Unnamed},
		{"192.0.2.9:1", []string{" , ,"}, "192.0.2.9", Unnamed},
		{"198.51.100.1:1", []string{"203.0.113.5"}, "198.51.100.1", NotTrusted},
		{"@", []string{"203.0.113.5"}, "invalid IP", NotTrusted},
		{"[::ffff:192.0.2.9]:1", []string{"203.0.113.5"}, "203.0.113.5", Named},
		{"192.0.2.9:1", []string{"203.0.113.9:52100"}, "203.0.113.9", Named},
		{"192.0.2.9:1", []string{"[2001:db9::7]:443"}, "2001:db9::7", Named},
		{"192.0.2.9:1", []string{"[2001:db9::7]"}, "2001:db9::7", Named},
		{"192.0.2.9:1", []string{"2001:db9::7"}, "2001:db9::7", Named},
		{"192.0.2.9:1", []string{"1.1.1.1", "203.0.113.5:9"}, "203.0.113.5", Named}, // two lines are one list
		{"192.0.2.9:1", []string{"1.1.1.1, 203.0.113.5:9, 192.0.2.7:80", "[2001:db8::1]:8080"}, "203.0.113.5", Named},
		{"192.0.2.9:1", []string{"192.0.2.1, 192.0.2.7"}, "192.0.2.1", Named}, // a client beside the proxies
		{"192.0.2.9:1", []string{"junk, 203.0.113.5"}, "203.0.113.5", Named},  // the client wrote the junk
		{"192.0.2.9:1", []string{"203.0.113.5, ,"}, "203.0.113.5", Named},     // an empty element is none
		{"192.0.2.9:1", []string{"203.0.113.5, unknown"}, "192.0.2.9", NotUnderstood},
		{"192.0.2.9:1", []string{"junk, 192.0.2.7"}, "192.0.2.9", NotUnderstood},
		{"192.0.2.9:1", []string{strings.Repeat(",", 30_000)}, "192.0.2.9", Unnamed},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{}}
		for _, line := range c.said {
			r.Header.Add(Header, line)
		}
		addr, verdict := Trusting(proxies).Find(r)
		if addr.String() != c.want || verdict != c.verdict {
			t.Errorf("peer %s, said %.60q: %s (%d), want %s (%d)", c.peer, c.said, addr, verdict, c.want, c.verdict)
		}
		if trusted := Trusting(proxies).Trusts(r); trusted != (c.verdict != NotTrusted) {
			t.Errorf("peer %s: trusted %v", c.peer, trusted)
		}
	}
}

func TestNoProxyIsTrustedUnasked(t *testing.T) {
	r := &http.Request{RemoteAddr: "127.0.0.1:5", Header: http.Header{Header: {"203.0.113.5"}}}
	if addr := (Finder{}).Of(r); addr.String() != "127.0.0.1" {
		t.Errorf("the client is %s", addr)
	}
}
