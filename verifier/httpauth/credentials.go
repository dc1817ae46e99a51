// Package httpauth is the HTTP part of checking a token: it reads the
// token from a request, and refuses requests in a way that upload clients show to
// people.
//
// Wrap a handler that has all the facts at once with [Middleware], or with
// [Protect] in a router's chain. A handler that learns them from routing
// calls [Check]; one that learns them while it reads the request, as an upload does, calls
// [Token] and its verifier. Both pass any error to [Refuse]. All of these take net/http's
// types, so they work the same under a framework that exposes them:
// under Echo, c.Request() and c.Response().
//
// twine and flit show only the reason phrase of a refusal's status line
// ("HTTPError: 403 Invalid API Token: token is expired"), so [Refuse]
// writes the sentence there. net/http has no setting for it, so Refuse takes the
// connection over and writes the status line itself, which costs the connection.
// Over HTTP/2, which has no reason phrase, only the body carries the sentence.
//
// Refuse writes the answer at once, while the client is still sending, and then reads and
// discards what the client sends, within limits (see [Refuser]): clients that read first show
// the reason at once, and those that send everything first show it afterwards.
//
// No error of this package contains any part of a credential.
package httpauth

import (
	"encoding/base64"
	"net/http"
	"strings"
)

// Username is the user name that marks the password as a token, in Basic
// authentication. It is the one that PyPI uses, and is compared byte for byte.
const Username = "__token__"

// maxAuthorization is the longest Authorization header that is read, in bytes.
// A token of the greatest length (8,192 characters), encoded in base64 once more,
// fits with room to spare; a longer header is not decoded at all.
const maxAuthorization = 16 << 10

// tokenPrefix is what every token begins with; it only serves to give a hint.
const tokenPrefix = "pypi-"

// CredentialError says what is wrong with the Authorization header of a
// request. The values are the Err variables of this package; compare with
// errors.Is.
type CredentialError struct {
	code     string
	sentence string
}

// Error is "httpauth: " and the kind of error, for logs.
func (e *CredentialError) Error() string { return "httpauth: " + e.code }

// Sentence is what to tell the client.
func (e *CredentialError) Sentence() string { return e.sentence }

// The ways in which a request can fail to carry a token. All are refused with
// 403, as PyPI does: clients send their credentials unasked, so there is
// nothing to challenge for.
var (
	// ErrMissing: no Authorization header.
	ErrMissing = &CredentialError{"no credentials",
		noAuthentication + "Send an API token as the password of the user name " + Username + "."}
	// ErrRepeated: more than one Authorization header, so that two readers
	// could disagree on which one counts.
	ErrRepeated = &CredentialError{"more than one Authorization header",
		noAuthentication + "Send exactly one Authorization header."}
	// ErrUnreadable: an unknown scheme, or Basic credentials that are not base64.
	ErrUnreadable = &CredentialError{"unreadable credentials",
		noAuthentication + "The Authorization header can't be read: " +
			"send an API token as the password of the user name " + Username + "."}
	// ErrTooLong: a header longer than any token.
	ErrTooLong = &CredentialError{"credentials too long",
		noAuthentication + "The Authorization header is too long for an API token."}
	// ErrEmpty: the right scheme and user name, and nothing after it. That is
	// what a CI job without its secret sends.
	ErrEmpty = &CredentialError{"empty token",
		noAuthentication + "The token is empty: is the secret set where this upload runs?"}
	// ErrUsername: a token, but under another user name.
	ErrUsername = &CredentialError{"token under another user name",
		noAuthentication + "To send an API token, the user name must be " + Username + "."}
	// ErrPassword: a user name and a password.
	ErrPassword = &CredentialError{"password instead of token",
		"Username/Password authentication is no longer supported. " +
			"Send an API token as the password of the user name " + Username + " instead."}
)

const noAuthentication = "Invalid or non-existent authentication information. "

// Token reads the text of the token in a request: the password of Basic authentication (RFC
// 7617) for the user [Username], or the value after the scheme Bearer (RFC 6750) or token.
// Schemes match in any case. White space around the value is dropped, because secrets are
// pasted with line ends.
//
// The text is unverified and may be anything but empty. An error is one of the Err variables
// of this package, always a *[CredentialError].
func Token(r *http.Request) (string, error) {
	values := r.Header.Values("Authorization")
	switch {
	case len(values) == 0:
		return "", ErrMissing
	case len(values) > 1:
		return "", ErrRepeated
	case len(values[0]) > maxAuthorization:
		return "", ErrTooLong
	}
	scheme, value, _ := strings.Cut(strings.TrimSpace(values[0]), " ")
	value = strings.TrimSpace(value)
	switch strings.ToLower(scheme) {
	case "":
		return "", ErrMissing
	case "bearer", "token":
	case "basic":
		var err error
		value, err = password(value)
		if err != nil {
			return "", err
		}
	default:
		return "", ErrUnreadable
	}
	if value == "" {
		return "", ErrEmpty
	}
	return value, nil
}

// password is the trimmed password of Basic credentials for [Username].
func password(encoded string) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", ErrUnreadable
	}
	user, pass, found := strings.Cut(string(raw), ":")
	pass = strings.TrimSpace(pass)
	switch {
	case !found:
		return "", ErrUnreadable
	case user == Username:
		return pass, nil
	case user == "" && pass == "":
		return "", ErrMissing
	case strings.HasPrefix(pass, tokenPrefix), strings.TrimSpace(user) == Username:
		return "", ErrUsername
	default:
		return "", ErrPassword
	}
}
