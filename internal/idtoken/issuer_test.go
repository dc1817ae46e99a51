package idtoken

import (
	"strings"
	"testing"
)

func TestBuiltIn(t *testing.T) {
	s := New(Config{Issuers: BuiltIn()})
	org := "11111111-2222-4333-8444-555555555555"
	for url, want := range map[string]string{
		"https://token.actions.githubusercontent.com": "github", "https://gitlab.com": "gitlab", "https://accounts.google.com": "google",
		"https://oidc.circleci.com/org/" + org: "circleci", "https://oidc.circleci.com/org/" + strings.ToUpper("abcdef00"+org[8:]): "",
		"https://oidc.circleci.com/org/": "", "https://oidc.circleci.com/org/" + org + "/": "", "https://gitlab.com/": "", "https://GitLab.com": "",
		"http://gitlab.com": "", "https://gitlab.com:443": "", "accounts.google.com": "", "": "",
	} {
		i, ok := s.Issuer(url)
		if i.Name != want || ok != (want != "") || ok && i.URL != url {
			t.Errorf("%q: %+v, %v", url, i, ok)
		}
	}
	if i, _ := s.Issuer("https://gitlab.com"); i.PerOrganization() {
		t.Error("gitlab.com has one issuer for each organization")
	}
}

func TestCheck(t *testing.T) {
	good := Issuer{Name: "ghes", URL: "https://github.example.org/_services/token", Kind: KindGitHub}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for _, url := range []string{"https://ci.example.org:8443", "https://ci.example.org/", "https://ci.example.org/api/actions", "https://[2001:db8::1]/x"} {
		good.URL = url
		if err := good.Check(); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, url := range []string{"", "x", "http://a.example", "HTTPS://a.example", "https://A.example", "https://a.example.", "https://u@a.example", "https://u:p@a.example",
		"https://a.example?x", "https://a.example#x", "https://a.example:443", "https://a.example:", "https://a.example//x", "https://a.example/../x", "https://a.example/x/.",
		"https://a.example/%2e", "https://a.example/x//", "https://a.example\\x", "https://a b.example", "https://", "https:///x", "https://a.example/" + strings.Repeat("x", 600)} {
		bad := Issuer{Name: "x", URL: url, Kind: KindGeneric}
		if bad.Check() == nil {
			t.Errorf("%q passes", url)
		}
	}
	for _, bad := range []Issuer{
		{Name: "", URL: "https://a.example", Kind: KindGeneric}, {Name: "A", URL: "https://a.example", Kind: KindGeneric},
		{Name: "a", URL: "https://a.example", Kind: "x"}, {Name: "a", URL: "https://a.example"}, {Name: "a", URL: "https://a.example", Kind: KindCircleCI},
		{Name: "a", URL: "https://a.example", Kind: KindGeneric, JWKSURL: "http://a.example"},
		{Name: "a", URL: "https://a.example", Kind: KindGeneric, JWKSFile: "f", JWKSURL: "https://a.example"},
		{Name: "a", URL: "https://a.example", Kind: KindGeneric, JWKSFile: "f", PrivateAddresses: true},
	} {
		if bad.Check() == nil {
			t.Errorf("%+v passes", bad)
		}
	}
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string][2]bool{ // public only, private allowed
		"8.8.8.8:443": {true, true}, "[2606:4700::1111]:443": {true, true},
		"127.0.0.1:443": {false, true}, "10.1.2.3:443": {false, true}, "172.16.0.1:443": {false, true}, "192.168.1.1:443": {false, true},
		"[::1]:443": {false, true}, "[fd00::1]:443": {false, true}, "100.64.0.1:443": {false, true}, "198.18.0.1:443": {false, true},
		"[::ffff:127.0.0.1]:443": {false, true}, "[::ffff:8.8.8.8]:443": {true, true}, "[64:ff9b::7f00:1]:443": {false, true}, "[64:ff9b::808:808]:443": {true, true},
		"[2002:7f00:1::]:443": {false, true}, "[2002:a9fe:a9fe::]:443": {false, false}, "[::7f00:1]:443": {false, true},
		"169.254.169.254:80": {false, false}, "[::ffff:169.254.169.254]:80": {false, false}, "[64:ff9b::a9fe:a9fe]:80": {false, false}, "[fe80::1%25eth0]:443": {false, false},
		"0.0.0.0:443": {false, false}, "[::]:443": {false, false}, "224.0.0.1:443": {false, false}, "[ff02::1]:443": {false, false},
		"255.255.255.255:443": {false, true}, "240.0.0.1:443": {false, true}, "192.0.0.1:443": {false, true}, "0.1.2.3:443": {false, true},
		"x": {false, false}, "localhost:443": {false, false},
	} {
		for i, private := range []bool{false, true} {
			if err := checkAddress("tcp4", address, private); (err == nil) != want[i] {
				t.Errorf("%s, private %v: %v", address, private, err)
			}
		}
	}
	if checkAddress("udp", "8.8.8.8:443", true) == nil {
		t.Error("udp passes")
	}
}

func FuzzParseObject(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1,"a":2}`, `{"a":[{"b":null}]}`, `[]`, `{"a":1e9}`, "{\"\xff\":1}", `{"A":1,"a":2}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseObject(b)
		if (m == nil) != (err != nil) {
			t.Errorf("%q: %v, %v", b, m, err)
		}
	})
}
