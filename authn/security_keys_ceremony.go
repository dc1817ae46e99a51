package authn

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

// Purposes of ceremonies. A challenge works for its own purpose only.
const (
	ceremonyAdd     = "add"     // SecurityKeys.BeginAdd, SecurityKeys.Add
	ceremonyVerify  = "verify"  // SecurityKeys.BeginVerify, SecurityKeys.Verify
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

// ceremonyOf returns the name of a Session's ceremony.
func ceremonyOf(purpose string, x Session) string {
	return ceremonyPrefix + purpose + "/" + x.UserID + "/" + x.ID
}

// ceremonyOfHandle returns the name of the ceremony of a browser in which nobody is signed in.
func ceremonyOfHandle(purpose string, handle Secret) string {
	h := sha256.Sum256([]byte(handle))
	return ceremonyPrefix + purpose + "/" + hex.EncodeToString(h[:])
}

// newHandle returns the secret by which a browser finds its ceremony again.
func newHandle() Secret { return Secret(rand.Text()) }

// keepCeremony stores what finishing the ceremony needs.
func (s *SecurityKeys) keepCeremony(tx kv.Tx, key, name string, data *webauthn.SessionData) error {
	return s.putSealedJSON(tx, key, ceremonyRecord{Data: *data, Name: name, Expires: s.now().Add(CeremonyLife).UTC()})
}

// takeCeremony reads a ceremony and deletes it, in a transaction of its own that commits before
// anybody looks at the answer: so no challenge is tried twice, and no signature is verified while
// others wait to write. If there is none, or it has expired, the error is a refusal with the problem
// key_expired.
func (s *SecurityKeys) takeCeremony(ctx context.Context, store kv.Store, key string) (rec ceremonyRecord, err error) {
	err = store.Update(ctx, func(tx kv.Tx) error {
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

// options are what a browser needs to begin: the JSON form of
// PublicKeyCredentialCreationOptions or …RequestOptions, WebAuthn §5.1.8 and §5.1.9.
func options(v any) (json.RawMessage, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("authn: encode the options of a ceremony: %w", err)
	}
	return b, nil
}
