package httpauth_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/rind-dev/rind/verifier/httpauth"
)

func basic(user, pass string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+pass))
}

func TestToken(t *testing.T) {
	const secret = "pypi-AgEIc2VjcmV0"
	for _, c := range []struct {
		name    string
		headers []string
		want    string
		err     error
	}{
		{"basic", []string{basic("__token__", secret)}, secret, nil},
		{"basic, scheme in any case", []string{"bAsIc" + basic("__token__", secret)[5:]}, secret, nil},
		{"basic, pasted with a line end", []string{basic("__token__", " "+secret+"\r\n")}, secret, nil},
		{"basic, a colon in the value", []string{basic("__token__", "a:b")}, "a:b", nil},
		{"basic, more space", []string{"Basic   " + basic("__token__", secret)[6:] + " "}, secret, nil},
		{"bearer", []string{"Bearer " + secret}, secret, nil},
		{"BEARER", []string{"BEARER  " + secret + " "}, secret, nil},
		{"token", []string{"Token " + secret}, secret, nil},
		{"no token at all under the user name", []string{basic("__token__", "hunter2")}, "hunter2", nil},

		{"nothing", nil, "", httpauth.ErrMissing},
		{"empty header", []string{""}, "", httpauth.ErrMissing},
		{"blank header", []string{"  "}, "", httpauth.ErrMissing},
		{"no user, no password", []string{basic("", "")}, "", httpauth.ErrMissing},
		{"two headers", []string{"Bearer " + secret, "Bearer " + secret}, "", httpauth.ErrRepeated},
		{"long", []string{"Bearer " + strings.Repeat("a", 16<<10)}, "", httpauth.ErrTooLong},
		{"another scheme", []string{"Digest " + secret}, "", httpauth.ErrUnreadable},
		{"only a token", []string{secret}, "", httpauth.ErrUnreadable},
		{"basic, not base64", []string{"Basic ???"}, "", httpauth.ErrUnreadable},
		{"basic, without padding", []string{"Basic " + base64.RawStdEncoding.EncodeToString([]byte("__token__:a"))}, "", httpauth.ErrUnreadable},
		{"basic, url alphabet", []string{"Basic " + base64.URLEncoding.EncodeToString([]byte("__token__:\xff\xff\xff"))}, "", httpauth.ErrUnreadable},
		{"basic, no colon", []string{"Basic " + base64.StdEncoding.EncodeToString([]byte(secret))}, "", httpauth.ErrUnreadable},
		{"basic, empty", []string{basic("__token__", "")}, "", httpauth.ErrEmpty},
		{"basic, blank", []string{basic("__token__", " \n")}, "", httpauth.ErrEmpty},
		{"bearer, empty", []string{"Bearer "}, "", httpauth.ErrEmpty},
		{"bearer alone", []string{"Bearer"}, "", httpauth.ErrEmpty},
		{"token under a person's name", []string{basic("alice", secret)}, "", httpauth.ErrUsername},
		{"token under no name", []string{basic("", secret)}, "", httpauth.ErrUsername},
		{"user name with a space", []string{basic("__token__ ", "x")}, "", httpauth.ErrUsername},
		{"user name in capitals", []string{basic("__TOKEN__", secret)}, "", httpauth.ErrUsername},
		{"password", []string{basic("alice", "hunter2")}, "", httpauth.ErrPassword},
		{"user name alone", []string{basic("alice", "")}, "", httpauth.ErrPassword},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &http.Request{Header: http.Header{"Authorization": c.headers}}
			got, err := httpauth.Token(r)
			if got != c.want || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Fatalf("got %q, %v; want %q, %v", got, err, c.want, c.err)
			}
			var said *httpauth.CredentialError
			if err != nil && (!errors.As(err, &said) || strings.Contains(err.Error()+said.Sentence(), secret) ||
				strings.Contains(err.Error()+said.Sentence(), "hunter2")) {
				t.Fatalf("the error quotes the credential or has no sentence: %v", err)
			}
		})
	}
}

// The words that people and tools already know from PyPI.
func TestSentences(t *testing.T) {
	for _, e := range []*httpauth.CredentialError{httpauth.ErrMissing, httpauth.ErrRepeated, httpauth.ErrUnreadable,
		httpauth.ErrTooLong, httpauth.ErrEmpty, httpauth.ErrUsername} {
		if !strings.HasPrefix(e.Sentence(), "Invalid or non-existent authentication information. ") {
			t.Errorf("%v: %s", e, e.Sentence())
		}
	}
	if !strings.HasPrefix(httpauth.ErrPassword.Sentence(), "Username/Password authentication is no longer supported. ") {
		t.Error(httpauth.ErrPassword.Sentence())
	}
}
