package authn

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/rind-dev/rind/internal/kv"
)

// keyRecord is a key in the store, sealed, under authn/key/<user id>/<id>. It is
// the credential record of WebAuthn §4 without what attestation would need.
type keyRecord struct {
	ID                string    `json:"id"`
	Name              string    `json:"name"`
	CredentialID      []byte    `json:"credential_id"`
	PublicKey         []byte    `json:"public_key"` // COSE_Key
	SignCount         uint32    `json:"sign_count"`
	Transports        []string  `json:"transports,omitempty"`
	AAGUID            []byte    `json:"aaguid,omitempty"`
	UserVerified      bool      `json:"user_verified,omitempty"` // when it was added; says nothing about later
	BackupEligible    bool      `json:"backup_eligible,omitempty"`
	BackedUp          bool      `json:"backed_up,omitempty"`
	Discoverable      bool      `json:"discoverable,omitempty"`
	CreatedAt         time.Time `json:"created_at"`
	UsedAt            time.Time `json:"used_at,omitzero"`
	CounterNotifiedAt time.Time `json:"counter_notified_at,omitzero"` // when its owner was last notified that the counter went back
}

// public returns the copy that leaves the package.
func (k keyRecord) public() Key {
	return Key{
		ID: k.ID, Name: k.Name, Passkey: k.Discoverable, BackedUp: k.BackedUp,
		CreatedAt: k.CreatedAt, UsedAt: k.UsedAt,
	}
}

// credential returns the key in the library's form.
func (k keyRecord) credential() webauthn.Credential {
	c := webauthn.Credential{
		ID: k.CredentialID, PublicKey: k.PublicKey,
		Flags: webauthn.CredentialFlags{
			UserPresent: true, UserVerified: k.UserVerified,
			BackupEligible: k.BackupEligible, BackupState: k.BackedUp,
		},
		Authenticator: webauthn.Authenticator{AAGUID: k.AAGUID, SignCount: k.SignCount},
	}
	for _, t := range k.Transports {
		c.Transport = append(c.Transport, protocol.AuthenticatorTransport(t))
	}
	return c
}

// knownTransports are those of WebAuthn §5.8.4. A client may say anything.
var knownTransports = []string{"usb", "nfc", "ble", "smart-card", "hybrid", "internal"}

// newKeyRecord keeps what later ceremonies need of a new credential.
func newKeyRecord(id, name string, c *webauthn.Credential, now time.Time) keyRecord {
	k := keyRecord{
		ID: id, Name: name, CredentialID: c.ID, PublicKey: c.PublicKey,
		SignCount: c.Authenticator.SignCount, AAGUID: c.Authenticator.AAGUID,
		UserVerified: c.Flags.UserVerified, BackupEligible: c.Flags.BackupEligible, BackedUp: c.Flags.BackupState,
		Discoverable: c.Extensions.RK != nil && *c.Extensions.RK, CreatedAt: now.UTC(),
	}
	for _, t := range c.Transport {
		if slices.Contains(knownTransports, string(t)) && !slices.Contains(k.Transports, string(t)) {
			k.Transports = append(k.Transports, string(t))
		}
	}
	return k
}

// Keys of the records: of a key, of the index from a credential's id to it, and of
// the user handle.
func keysPrefix(userID string) string { return "authn/key/" + userID + "/" }

func keyKey(userID, id string) string { return keysPrefix(userID) + id }

func keyHandleKey(userID string) string { return "authn/key-handle/" + userID }

func credentialKey(credID []byte) string {
	h := sha256.Sum256(credID)
	return "authn/key-of/" + hex.EncodeToString(h[:])
}

// loadKeys reads the keys of an account, oldest first.
func (s *core) loadKeys(r kv.Reader, userID string) (keys []keyRecord, err error) {
	found, err := kv.All(r, []byte(keysPrefix(userID)))
	if err != nil {
		return nil, err
	}
	for _, p := range found {
		var k keyRecord
		err := s.getSealedJSON(r, string(p.Key), &k)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// loadKey reads one key of an account, or returns ErrNotFound.
func (s *SecurityKeys) loadKey(r kv.Reader, userID, id string) (k keyRecord, err error) {
	if id == "" || len(id) > 64 || strings.Contains(id, "/") {
		return k, ErrNotFound
	}
	err = s.getSealedJSON(r, keyKey(userID, id), &k)
	if errors.Is(err, kv.ErrNotFound) {
		return k, ErrNotFound
	}
	return k, err
}

// keyOwner returns the account with the credential; "" if there is none.
func keyOwner(r kv.Reader, credentialID []byte) (userID string, err error) {
	owner, err := lookup(r, credentialKey(credentialID))
	userID, _, _ = strings.Cut(owner, "/")
	return userID, err
}

// keyHolder is an account in the form that the library needs.
type keyHolder struct {
	user   userRecord
	handle []byte
	keys   []keyRecord
}

// WebAuthnID implements webauthn.User.
func (h keyHolder) WebAuthnID() []byte { return h.handle }

// WebAuthnName implements webauthn.User.
func (h keyHolder) WebAuthnName() string { return h.user.Username }

// WebAuthnDisplayName implements webauthn.User.
func (h keyHolder) WebAuthnDisplayName() string { return h.user.Username }

// WebAuthnCredentials implements webauthn.User.
func (h keyHolder) WebAuthnCredentials() []webauthn.Credential {
	out := make([]webauthn.Credential, len(h.keys))
	for i, k := range h.keys {
		out[i] = k.credential()
	}
	return out
}

// key returns the key with the credential's id.
func (h keyHolder) key(credentialID []byte) (keyRecord, error) {
	for _, k := range h.keys {
		if slices.Equal(k.CredentialID, credentialID) {
			return k, nil
		}
	}
	return keyRecord{}, ErrNotFound
}

// signer returns the holder's key that an assertion claims to be from, if its signatures may be
// verified.
func (h keyHolder) signer(parsed *protocol.ParsedCredentialAssertionData) (keyRecord, error) {
	k, err := h.key(parsed.RawID)
	if err == nil {
		err = checkPublicKey(k.PublicKey)
	}
	return k, err
}

// sameKey reports whether a key is still the one that a signature was verified with.
func (k keyRecord) sameKey(other keyRecord) bool {
	return bytes.Equal(k.CredentialID, other.CredentialID) && bytes.Equal(k.PublicKey, other.PublicKey)
}

// loadHolder reads an account's keys and its handle, which is nil where it never
// began to add one.
func (s *SecurityKeys) loadHolder(r kv.Reader, u userRecord) (h keyHolder, err error) {
	h.user = u
	h.keys, err = s.loadKeys(r, u.ID)
	if err != nil {
		return h, err
	}
	h.handle, err = s.getSealed(r, keyHandleKey(u.ID))
	if errors.Is(err, kv.ErrNotFound) {
		return h, nil
	}
	return h, err
}

// holder is loadHolder in a transaction of its own.
func (s *SecurityKeys) holder(ctx context.Context, u userRecord) (h keyHolder, err error) {
	err = s.store.View(ctx, func(r kv.Reader) (err error) {
		h, err = s.loadHolder(r, u)
		return err
	})
	return h, err
}

// withHandle gives the account a handle where it has none. The handle is random, so
// that a key that is found reveals nothing about the account (WebAuthn §14.6.1), and
// stays the same, so that a new passkey takes an old one's place on a device.
func (s *SecurityKeys) withHandle(tx kv.Tx, h *keyHolder) error {
	if h.handle != nil {
		return nil
	}
	h.handle = make([]byte, handleBytes)
	rand.Read(h.handle)
	return s.putSealed(tx, keyHandleKey(h.user.ID), h.handle)
}

// putKey writes a key, and the index to it.
func (s *SecurityKeys) putKey(tx kv.Tx, userID string, k keyRecord) error {
	if err := s.putSealedJSON(tx, keyKey(userID, k.ID), k); err != nil {
		return err
	}
	return tx.Put([]byte(credentialKey(k.CredentialID)), []byte(userID+"/"+k.ID))
}
