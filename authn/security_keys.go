package authn

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"golang.org/x/text/unicode/norm"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/loopback"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/internal/text"
)

// SecurityKeys are security keys and passkeys.
type SecurityKeys struct {
	*factors
	party *webauthn.WebAuthn // nil if keys can't be used
}

// Limits of security keys.
const (
	maxKeys         = 100  // of one account
	maxKeyName      = 64   // characters
	maxCredentialID = 1023 // bytes, WebAuthn §4
	handleBytes     = 64   // of a user handle, WebAuthn §14.6.1
)

// Key is a security key or passkey as pages see it.
type Key struct {
	ID        string // UUID version 7; not the credential's id
	Name      string // unique in the account, whatever the case of its letters
	Passkey   bool   // it can be found without a typed name, as the client said, so it may sign in alone
	BackedUp  bool   // it is copied between devices
	CreatedAt time.Time
	UsedAt    time.Time // zero if it was not used since it was added
}

// List lists the security keys and passkeys of an account, oldest first.
func (s *SecurityKeys) List(ctx context.Context, userID string) (keys []Key, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		keys = nil
		found, err := s.loadKeys(r, userID)
		for _, k := range found {
			keys = append(keys, k.public())
		}
		return err
	})
	return keys, err
}

// cleanKeyName trims a typed name and checks it against the names of the account's keys, except the
// one with the id.
func cleanKeyName(typed string, keys []keyRecord, except string) (string, error) {
	name := strings.TrimSpace(norm.NFC.String(strings.ToValidUTF8(typed, "\ufffd")))
	switch {
	case !strings.ContainsFunc(name, func(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) }):
		return "", problem.New("name", CodeKeyNameRequired)
	case utf8.RuneCountInString(name) > maxKeyName:
		return "", problem.New("name", CodeKeyNameTooLong, "max", maxKeyName)
	case strings.ContainsFunc(name, text.Disruptive) || strings.ContainsRune(name, utf8.RuneError):
		return "", problem.New("name", CodeKeyNameInvalid)
	}
	for _, k := range keys {
		if k.ID != except && strings.EqualFold(k.Name, name) {
			return "", problem.New("name", CodeKeyNameTaken, "name", k.Name)
		}
	}
	return name, nil
}

// Offered reports whether security keys and passkeys can be used at Config.PublicURL. If they can't,
// their methods return ErrForbidden.
func (s *SecurityKeys) Offered() bool { return s.party != nil }

// newRelyingParty returns the relying party that keys belong to: the host of the public address, at
// its origin and no other. It is nil if browsers allow no key there: without an address, at an IP
// address, or without TLS anywhere but on localhost.
func newRelyingParty(public *url.URL, name string) (*webauthn.WebAuthn, error) {
	if public == nil {
		return nil, nil
	}
	host := strings.ToLower(public.Hostname())
	if net.ParseIP(host) != nil || public.Scheme != "https" && !loopback.Browser(host) {
		return nil, nil
	}
	origin := public.Scheme + "://" + host
	if port := public.Port(); port != "" && port != map[string]string{"https": "443", "http": "80"}[public.Scheme] {
		origin += ":" + port
	}
	// The library would enforce time-outs by the machine's clock; ceremonyRecord
	// has an end by Config.Clock instead.
	limit := webauthn.TimeoutConfig{Timeout: CeremonyLife, TimeoutUVD: CeremonyLife}
	party, err := webauthn.New(&webauthn.Config{
		RPID: host, RPDisplayName: name, RPOrigins: []string{origin},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey:      protocol.ResidentKeyRequirementPreferred,
			UserVerification: protocol.VerificationPreferred,
		},
		Timeouts: webauthn.TimeoutsConfig{Login: limit, Registration: limit},
		// Only credProps is read from extensions, so what a password manager sends unasked does no harm.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil, fmt.Errorf("authn: security keys at %s: %w", origin, err)
	}
	return party, nil
}
