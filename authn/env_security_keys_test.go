package authn

import (
	"encoding/json"
	"net/url"
	"testing"

	"github.com/descope/virtualwebauthn"

	"github.com/rind-dev/rind/internal/kv"
)

// site is where the people of these tests use their keys.
const site = "https://rind.example.org"

// withKeys offers keys at the site.
func withKeys(c *Config) {
	c.PublicURL = &url.URL{Scheme: "https", Host: "rind.example.org"}
}

// virtualKey is an authenticator with one credential.
type virtualKey struct {
	party virtualwebauthn.RelyingParty
	auth  virtualwebauthn.Authenticator
	cred  virtualwebauthn.Credential
}

func newVirtualKey() *virtualKey {
	return &virtualKey{
		party: virtualwebauthn.RelyingParty{ID: "rind.example.org", Name: "rind", Origin: site},
		auth:  virtualwebauthn.NewAuthenticator(),
		cred:  newCredential(),
	}
}

// newCredential makes a credential whose public key is well formed: the library
// forgets the zeros that a coordinate begins with now and then.
func newCredential() virtualwebauthn.Credential {
	const size = 77 // a map of five, with two coordinates of 32 bytes
	for {
		if c := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2); len(c.Key.AttestationData()) == size {
			return c
		}
	}
}

// create answers a registration.
func (k *virtualKey) create(t testing.TB, opts json.RawMessage) []byte {
	t.Helper()
	o, err := virtualwebauthn.ParseAttestationOptions(string(opts))
	if err != nil {
		t.Fatal(err)
	}
	k.auth.Options.UserHandle = []byte(o.UserID)
	return []byte(virtualwebauthn.CreateAttestationResponse(k.party, k.auth, k.cred, *o))
}

// get answers an assertion, and counts it.
func (k *virtualKey) get(t testing.TB, opts json.RawMessage) []byte {
	t.Helper()
	o, err := virtualwebauthn.ParseAssertionOptions(string(opts))
	if err != nil {
		t.Fatal(err)
	}
	k.cred.Counter++
	return []byte(virtualwebauthn.CreateAssertionResponse(k.party, k.auth, k.cred, *o))
}

// addKey adds a new key to somebody's account.
func (e *env) addKey(who *person, name string) *virtualKey {
	e.t.Helper()
	k := newVirtualKey()
	opts := e.begun(e.SecurityKeys.BeginAdd(e.t.Context(), who.Session, name))
	who.Session = e.must(e.SecurityKeys.Add(e.t.Context(), who.Session, home, k.create(e.t, opts)))
	return k
}

// verify gives a key as second factor.
func (e *env) verify(x Session, k *virtualKey) (Session, error) {
	e.t.Helper()
	opts := e.begun(e.SecurityKeys.BeginVerify(e.t.Context(), x))
	return e.SecurityKeys.Verify(e.t.Context(), x, home, k.get(e.t, opts))
}

// passkey signs in with a passkey.
func (e *env) passkey(k *virtualKey) (Session, error) {
	e.t.Helper()
	opts, handle, err := e.SecurityKeys.BeginPasskey(e.t.Context(), home)
	if err != nil {
		e.t.Fatal(err)
	}
	return e.SecurityKeys.SignInPasskey(e.t.Context(), home, handle, k.get(e.t, opts))
}

func (e *env) begun(opts json.RawMessage, err error) json.RawMessage {
	e.t.Helper()
	if err != nil {
		e.t.Fatal(err)
	}
	return opts
}

// password is somebody's Session behind their password.
func (e *env) password(who *person) Session {
	e.t.Helper()
	return e.must(e.Sessions.SignIn(e.t.Context(), home, who.name, who.password))
}

// ceremonies counts those under way.
func (e *env) ceremonies() (n int) {
	e.t.Helper()
	err := e.core.store.View(e.t.Context(), func(r kv.Reader) error {
		found, err := r.Scan([]byte(ceremonyPrefix), nil, 0, false)
		n = len(found)
		return err
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return n
}

// challengeOf reads the challenge of options.
func challengeOf(t testing.TB, opts json.RawMessage) string {
	t.Helper()
	var o struct{ Challenge string }
	err := json.Unmarshal(opts, &o)
	if err != nil || len(o.Challenge) < 22 {
		t.Fatalf("no challenge in %s: %v", opts, err)
	}
	return o.Challenge
}
