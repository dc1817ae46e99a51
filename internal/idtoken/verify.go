package idtoken

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Limits of tokens.
const (
	MaxText = 16 << 10         // bytes
	Leeway  = 30 * time.Second // by which clocks may differ
	MaxLife = 24 * time.Hour   // from iat to exp
	maxKid  = 512              // bytes
)

// Codes of refusals, which clients of PyPI know.
const (
	CodePayload = "invalid-payload" // it is no token of an issuer that is known here
	CodeToken   = "invalid-token"   // it is one, and is not good
)

// Refusal says what is wrong with a token.
type Refusal struct {
	Code   string // CodePayload or CodeToken
	Detail string // a sentence; holds nothing secret
}

func (r *Refusal) Error() string { return "idtoken: " + r.Code + ": " + r.Detail }

func refuse(code, format string, args ...any) error {
	return &Refusal{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// ErrUnavailable says that the keys of an issuer could not be had.
var ErrUnavailable = errors.New("idtoken: the keys of the issuer are not available")

// algorithms are those that are ever accepted.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA}

// Verified is a token whose signature and times are right.
type Verified struct {
	Issuer  Issuer
	Claims  Claims
	Expires time.Time
	// Mark names the token: the SHA-256 of its issuer and its jti, or of its claims where it has no jti.
	// It is the same however the text was encoded.
	Mark [sha256.Size]byte
	// HasID reports whether it has a jti.
	HasID bool
}

// Claims are what a token says.
type Claims map[string]any

// Text returns a claim as text: a string, or the digits of a whole number, or "true" or "false". ok is false if the
// token does not have it, or has it in another form.
func (c Claims) Text(name string) (s string, ok bool) {
	switch v := c[name].(type) {
	case string:
		return v, true
	case json.Number:
		_, err := strconv.ParseInt(v.String(), 10, 64)
		return v.String(), err == nil
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// Verify checks a token against the keys of its issuer. named reports whether any publisher names an
// issuer, by its URL: of others nothing is fetched, and they get the same refusal as unknown ones.
func (s *Set) Verify(ctx context.Context, text, audience string, named func(issuer string) (bool, error)) (Verified, error) {
	header, claims, payload, err := split(text)
	if err != nil {
		return Verified{}, err
	}
	url, ok := claims["iss"].(string)
	if !ok {
		return Verified{}, refuse(CodePayload, "the token has no issuer (claim \"iss\")")
	}
	issuer, signer, known := s.signer(claims)
	if known {
		known, err = named(issuer.URL)
		if err != nil {
			return Verified{}, err
		}
	}
	if !known {
		return Verified{}, refuse(CodePayload, "no publisher here names the issuer %q of the token", excerpt(url))
	}
	alg, kid, err := readHeader(header)
	if err != nil {
		return Verified{}, err
	}
	keys, err := s.keysOf(signer).find(ctx, kid)
	if err != nil {
		return Verified{}, err
	}
	if err := checkSignature(text, alg, payload, keys); err != nil {
		return Verified{}, err
	}
	out := Verified{Issuer: issuer, Claims: claims}
	out.Expires, err = claims.checkTimes(s.clock())
	if err != nil {
		return Verified{}, err
	}
	if err := claims.checkAudience(audience); err != nil {
		return Verified{}, err
	}
	out.Mark, out.HasID, err = claims.mark(url, payload)
	return out, err
}

// split takes a compact JWS apart, without checking its signature.
func split(text string) (header map[string]any, claims Claims, payload []byte, err error) {
	parts := strings.Split(text, ".")
	if len(text) > MaxText {
		return nil, nil, nil, refuse(CodePayload, "the token has more than %d characters", MaxText)
	}
	if len(parts) != 3 {
		return nil, nil, nil, refuse(CodePayload, "the token is not a JWT: it has %d parts instead of 3, separated by dots", len(parts))
	}
	var decoded [2]map[string]any
	for i, what := range []string{"header", "payload"} {
		b, err := base64.RawURLEncoding.Strict().DecodeString(parts[i])
		if err != nil || strings.ContainsAny(parts[i], "\r\n") { // the decoder skips line ends
			return nil, nil, nil, refuse(CodePayload, "the %s of the token is not base64url", what)
		}
		decoded[i], err = ParseObject(b)
		if err != nil {
			return nil, nil, nil, refuse(CodePayload, "the %s of the token: %s", what, err)
		}
		payload = b
	}
	return decoded[0], decoded[1], payload, nil
}

// readHeader returns the algorithm and the name of the key.
func readHeader(h map[string]any) (alg jose.SignatureAlgorithm, kid string, err error) {
	name, _ := h["alg"].(string)
	alg = jose.SignatureAlgorithm(name)
	if !slices.Contains(algorithms, alg) {
		return "", "", refuse(CodeToken, "the token is signed with %q: RS256, ES256 and EdDSA are accepted", excerpt(name))
	}
	for _, member := range []string{"crit", "b64", "zip", "enc"} {
		if _, there := h[member]; there {
			return "", "", refuse(CodeToken, "the header of the token has %q, which is not understood here", member)
		}
	}
	kid, ok := h["kid"].(string)
	if !ok || kid == "" || len(kid) > maxKid {
		return "", "", refuse(CodeToken, "the header of the token names no key (\"kid\")")
	}
	return alg, kid, nil
}

// checkSignature accepts a token that one of the keys signed. The keys come from the issuer alone: what the header says
// of keys is not read.
func checkSignature(text string, alg jose.SignatureAlgorithm, payload []byte, keys []key) error {
	jws, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{alg})
	if err != nil {
		return refuse(CodeToken, "the token is not a signed JWT")
	}
	for _, k := range keys {
		if k.alg != alg {
			continue
		}
		got, err := jws.Verify(k.public)
		if err == nil && string(got) == string(payload) {
			return nil
		}
	}
	return refuse(CodeToken, "the signature of the token is wrong")
}

// checkTimes checks exp, iat and nbf, and returns exp.
func (c Claims) checkTimes(now time.Time) (time.Time, error) {
	var at [3]time.Time
	for i, name := range []string{"exp", "iat", "nbf"} {
		v, there := c[name]
		if !there && name == "nbf" {
			break
		}
		n, ok := v.(json.Number)
		sec, err := strconv.ParseInt(n.String(), 10, 64)
		if !ok || err != nil || sec < 0 || sec > 1<<40 {
			return time.Time{}, refuse(CodeToken, "the claim %q of the token is not a time in whole seconds", name)
		}
		at[i] = time.Unix(sec, 0).UTC()
	}
	exp, iat, nbf := at[0], at[1], at[2]
	switch {
	case !now.Before(exp.Add(Leeway)):
		return exp, refuse(CodeToken, "the token expired at %s: let the job ask for one just before it needs it", exp.Format(time.RFC3339))
	case iat.After(now.Add(Leeway)):
		return exp, refuse(CodeToken, "the token was issued at %s, which is in the future by the clock here", iat.Format(time.RFC3339))
	case nbf.After(now.Add(Leeway)):
		return exp, refuse(CodeToken, "the token is not valid before %s", nbf.Format(time.RFC3339))
	case !exp.After(iat):
		return exp, refuse(CodeToken, "the token expires before it was issued")
	case exp.Sub(iat) > MaxLife:
		return exp, refuse(CodeToken, "the token lives for %s: more than %s is not accepted", exp.Sub(iat), MaxLife)
	}
	return exp, nil
}

// checkAudience accepts exactly one audience, alone or in a list.
func (c Claims) checkAudience(want string) error {
	got, ok := c["aud"].(string)
	if list, is := c["aud"].([]any); is && len(list) == 1 {
		got, ok = list[0].(string)
	}
	if list, is := c["aud"].([]any); is && len(list) > 1 {
		return refuse(CodeToken, "the token has %d audiences: ask for one with the audience %q alone", len(list), want)
	}
	if !ok || got != want {
		return refuse(CodeToken, "the audience of the token: expected %q, got %q", want, excerpt(got))
	}
	return nil
}

// mark names the token.
func (c Claims) mark(issuer string, payload []byte) (sum [sha256.Size]byte, hasID bool, err error) {
	v, hasID := c["jti"]
	if !hasID {
		return sha256.Sum256(append([]byte("claims\x00"+issuer+"\x00"), payload...)), false, nil
	}
	id, ok := v.(string)
	if !ok || id == "" {
		return sum, true, refuse(CodeToken, "the claim \"jti\" of the token is not a text")
	}
	return sha256.Sum256([]byte("jti\x00" + issuer + "\x00" + id)), true, nil
}
