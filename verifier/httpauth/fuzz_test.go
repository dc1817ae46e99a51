package httpauth_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/rind-dev/rind/internal/corpus"
	"github.com/rind-dev/rind/verifier/httpauth"
)

func TestCorpora(t *testing.T) { corpus.Check(t, 8) }

var credentialErrors = []error{httpauth.ErrMissing, httpauth.ErrRepeated, httpauth.ErrUnreadable, httpauth.ErrTooLong, httpauth.ErrEmpty, httpauth.ErrUsername, httpauth.ErrPassword}

// FuzzToken reads an Authorization header of any bytes. There is a token or one of the errors,
// whose words are always the same; net/http's own reader of Basic finds the same
// token; and what was found is found again when it is sent in another way.
func FuzzToken(f *testing.F) {
	f.Fuzz(func(t *testing.T, value string) {
		r := &http.Request{Header: http.Header{"Authorization": {value}}}
		text, err := httpauth.Token(r)
		if err != nil {
			var said *httpauth.CredentialError
			if text != "" || !slices.Contains(credentialErrors, err) || !errors.As(err, &said) {
				t.Fatalf("%q, %v", text, err)
			}
		} else if text == "" || strings.TrimSpace(text) != text || len(value) > 16<<10 {
			t.Fatalf("%q is a token", text)
		}
		agreesWithNetHTTP(t, r, text, err)
		if err == nil {
			sameWhenSentAgain(t, text)
		}
		r.Header.Add("Authorization", value)
		if _, err := httpauth.Token(r); err != httpauth.ErrRepeated {
			t.Fatalf("two headers: %v", err)
		}
	})
}

// agreesWithNetHTTP: whoever reads Basic credentials with the standard library must not take
// somebody else for the sender.
func agreesWithNetHTTP(t *testing.T, r *http.Request, text string, err error) {
	t.Helper()
	user, pass, ok := r.BasicAuth()
	if !ok || errors.Is(err, httpauth.ErrTooLong) {
		return
	}
	pass = strings.TrimSpace(pass)
	switch {
	case user == httpauth.Username && pass != "":
		if err != nil || text != pass {
			t.Fatalf("%q, %v; net/http finds %q", text, err, pass)
		}
	case err == nil:
		t.Fatalf("%q; net/http finds the user %q with %q", text, user, pass)
	}
}

// sameWhenSentAgain sends a token in every way that a header has room for.
func sameWhenSentAgain(t *testing.T, text string) {
	t.Helper()
	b64 := base64.StdEncoding.EncodeToString([]byte("__token__:" + text))
	for _, value := range []string{"Basic " + b64, "basic  " + b64 + " ", "Bearer " + text, "TOKEN " + text} {
		if len(value) > 16<<10 || strings.HasPrefix(value, "B") && strings.ContainsFunc(text, unicode.IsControl) && value[1] == 'e' {
			continue
		}
		again, err := httpauth.Token(&http.Request{Header: http.Header{"Authorization": {value}}})
		if err != nil || again != text {
			t.Fatalf("%q sent as %q is %q, %v", text, value, again, err)
		}
	}
}

// FuzzBasic: whatever user and password are sent, a token comes out for one user name alone,
// and it is the whole password.
func FuzzBasic(f *testing.F) {
	f.Fuzz(func(t *testing.T, user, pass string) {
		text, err := httpauth.Token(&http.Request{Header: http.Header{"Authorization": {basic(user, pass)}}})
		name, rest, _ := strings.Cut(user+":"+pass, ":") // a user name has no colon, RFC 7617 §2
		want := strings.TrimSpace(rest)
		switch {
		case len(basic(user, pass)) > 16<<10:
			if err != httpauth.ErrTooLong {
				t.Fatalf("%d bytes: %v", len(user)+len(pass), err)
			}
		case name == httpauth.Username && want != "":
			if err != nil || text != want {
				t.Fatalf("%q, %v, want %q", text, err, want)
			}
		case err == nil:
			t.Fatalf("%q with %q is the token %q", user, pass, text)
		}
	})
}
