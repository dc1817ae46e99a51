package authn

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

// SecurityKeys are security keys and passkeys.
type SecurityKeys struct {
	*factors
	party *webauthn.WebAuthn // nil where keys can't be used
}

// CeremonyLife is how long somebody has for a ceremony of WebAuthn, from its
// challenge to the answer of the key.
const CeremonyLife = 5 * time.Minute

// newRelyingParty is what keys are for: the host of the public address, at its
// origin and no other. It is nil where browsers let no key be used: without an
// address, at an IP address, or without TLS anywhere but on localhost.
func newRelyingParty(public *url.URL, name string) (*webauthn.WebAuthn, error) {
	if public == nil {
		return nil, nil
	}
	host := strings.ToLower(public.Hostname())
	local := host == "localhost" || strings.HasSuffix(host, ".localhost")
	if net.ParseIP(host) != nil || public.Scheme != "https" && !local {
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
		// Nothing is read from extensions but credProps, so what a password manager
		// says without being asked does no harm.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil, fmt.Errorf("authn: security keys at %s: %w", origin, err)
	}
	return party, nil
}

// KeysOffered tells whether security keys and passkeys can be used at
// Config.PublicURL. Where they can't, the methods about them return ErrForbidden.
func (s *SecurityKeys) KeysOffered() bool { return s.party != nil }

// Purposes of ceremonies. A challenge of one is none of another.
const (
	ceremonyAdd     = "add"     // BeginAddKey, AddKey
	ceremonyVerify  = "verify"  // BeginVerifyKey, VerifyKey
	ceremonyPasskey = "passkey" // BeginPasskey, SignInPasskey
)

// ceremonyRecord is a ceremony under way, sealed, under
// authn/ceremony/<purpose>/<whose>: of one Session, or of the browser that has the
// handle. Another of the same purpose takes its place.
type ceremonyRecord struct {
	Data    webauthn.SessionData `json:"data"`
	Name    string               `json:"name,omitempty"` // of the key that is added
	Expires time.Time            `json:"expires"`
}

const ceremonyPrefix = "authn/ceremony/"

// ceremonyOf names the ceremony of a Session.
func ceremonyOf(purpose string, x Session) string {
	return ceremonyPrefix + purpose + "/" + x.UserID + "/" + x.ID
}

// ceremonyOfHandle names the ceremony of a browser in which nobody is signed in.
func ceremonyOfHandle(purpose string, handle Secret) string {
	h := sha256.Sum256([]byte(handle))
	return ceremonyPrefix + purpose + "/" + hex.EncodeToString(h[:])
}

// newHandle is the secret by which a browser finds its ceremony again.
func newHandle() Secret { return Secret(rand.Text()) }

// keepCeremony stores what the end of a ceremony needs.
func (s *SecurityKeys) keepCeremony(tx kv.Tx, key, name string, data *webauthn.SessionData) error {
	return s.putSealedJSON(tx, key, ceremonyRecord{Data: *data, Name: name, Expires: s.now().Add(CeremonyLife).UTC()})
}

// takeCeremony reads a ceremony and deletes it, in a transaction of its own that commits
// before anybody looks at the answer: so no challenge is tried twice, and no signature
// is verified while others wait to write. Where there is none, or it is over, the error
// is a refusal with the problem key_expired.
func (s *SecurityKeys) takeCeremony(ctx context.Context, key string) (rec ceremonyRecord, err error) {
	err = s.store.Update(ctx, func(tx kv.Tx) error {
		rec = ceremonyRecord{}
		err := s.getSealedJSON(tx, key, &rec)
		if err != nil {
			return err
		}
		return tx.Delete([]byte(key))
	})
	if errors.Is(err, kv.ErrNotFound) || err == nil && !s.now().Before(rec.Expires) {
		return rec, refuse("challenge", problem.New("", CodeKeyExpired))
	}
	return rec, err
}

// refusal is what is wrong with a second factor: a transaction that finds it
// commits, with a row, and what it used up stays used up. It is errWrong.
type refusal struct {
	problems problem.Problems
	why      string // for the row
	cloned   string // name of the key whose counter went back; "" for any other reason
}

func refuse(why string, ps problem.Problems) *refusal { return &refusal{problems: ps, why: why} }

func (r *refusal) Error() string { return "authn: refused: " + r.why }

// Is makes errors.Is(err, errWrong) hold.
func (r *refusal) Is(target error) bool { return target == errWrong }

// options are what a browser needs to begin: the JSON form of
// PublicKeyCredentialCreationOptions or …RequestOptions, WebAuthn §5.1.8 and §5.1.9.
func options(v any) (json.RawMessage, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("authn: encode the options of a ceremony: %w", err)
	}
	return b, nil
}
