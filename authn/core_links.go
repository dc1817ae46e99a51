package authn

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

// Purpose is what a link is for. A link works for its own purpose only.
type Purpose string

// The purposes of links, and how long each link is good.
const (
	PurposeSetup       Purpose = "setup"        // makes the first administrator's account: 24 h
	PurposeInvitation  Purpose = "invitation"   // makes an account: 7 days
	PurposeVerifyEmail Purpose = "verify_email" // proves that somebody reads an address: 24 h
	PurposeDevice      Purpose = "device"       // completes a sign-in with a code, in the same browser: 1 h
	PurposeReset       Purpose = "reset"        // sets a new password: 1 h
	PurposeEmailChange Purpose = "email_change" // moves the account to another address: 24 h
	PurposeEmailUndo   Purpose = "email_undo"   // undoes that: 7 days
	PurposeRecovery    Purpose = "recovery"     // allows setting up new factors at the end of a recovery: 7 days
)

// linkLife is how long links are good.
var linkLife = map[Purpose]time.Duration{
	PurposeSetup:       24 * time.Hour,
	PurposeInvitation:  7 * 24 * time.Hour,
	PurposeVerifyEmail: 24 * time.Hour,
	PurposeDevice:      time.Hour,
	PurposeReset:       time.Hour,
	PurposeEmailChange: 24 * time.Hour,
	PurposeEmailUndo:   7 * 24 * time.Hour,
	PurposeRecovery:    7 * 24 * time.Hour,
}

// accountLinks are the purposes of links that end with the account's generation, and so with whatever
// evicts somebody else from the account. Of the others, PurposeSetup has no account, PurposeInvitation
// ends with the generation of its inviter (invitationRecord), and endUndo says which links of
// PurposeEmailUndo end.
var accountLinks = map[Purpose]bool{
	PurposeVerifyEmail: true, PurposeDevice: true, PurposeReset: true, PurposeEmailChange: true, PurposeRecovery: true,
}

// Life returns how long a link of the purpose is good.
func (p Purpose) Life() time.Duration { return linkLife[p] }

// The text of a link is base64url (no padding) of
//
//	16 random bytes | expiry, Unix seconds, 8 bytes | tag, 16 bytes
//
// where the tag is HMAC-SHA-256, cut to its half, over purpose, random bytes and
// expiry. The store has a record under the SHA-256 of the random bytes as
// long as the link can be used, and none afterwards: so a link with a good tag
// and no record was used, withdrawn or replaced.
const (
	linkRandom = 16
	linkTag    = 16
	linkSize   = linkRandom + 8 + linkTag
)

// linkRecord is a link that can be used, under authn/link/<hash>.
type linkRecord struct {
	Purpose Purpose   `json:"purpose"`
	Expires time.Time `json:"expires"`
	Subject string    `json:"subject,omitempty"` // id of the invitation or of the account
	Email   string    `json:"email,omitempty"`

	Generation uint64 `json:"generation,omitempty"` // generation of the account, for the purposes of accountLinks
	Session    string `json:"session,omitempty"`    // Session.ID, for PurposeDevice
	Seq        uint64 `json:"seq,omitempty"`        // userRecord.Moves, for PurposeEmailUndo: the order in which addresses were held
}

// newLink makes a link and the key under which putLink stores its record. Callers make it outside the
// transaction, which may run twice.
func (s *core) newLink(p Purpose, subject, email string) (text Secret, key string, rec linkRecord) {
	expires := s.now().Add(linkLife[p]).UTC().Truncate(time.Second)
	b := make([]byte, linkRandom, linkSize)
	rand.Read(b)
	b = binary.BigEndian.AppendUint64(b, uint64(expires.Unix()))
	b = append(b, s.linkTag(p, b)...)
	text = Secret(base64.RawURLEncoding.EncodeToString(b))
	return text, linkKey(b), linkRecord{Purpose: p, Expires: expires, Subject: subject, Email: email}
}

func (s *core) linkTag(p Purpose, signed []byte) []byte {
	return mac(s.linkKey, []byte(p), signed)[:linkTag]
}

// linkPrefix begins the keys of links.
const linkPrefix = "authn/link/"

// linkKey returns the key of a link's record.
func linkKey(b []byte) string {
	h := sha256.Sum256(b[:linkRandom])
	return linkPrefix + hex.EncodeToString(h[:])
}

// openLink checks a link's form, tag and expiry; it needs no store.
func (s *core) openLink(p Purpose, text Secret) (key string, err error) {
	if len(text) != base64.RawURLEncoding.EncodedLen(linkSize) { // the decoder skips line breaks
		return "", problem.New("", CodeLinkInvalid)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(string(text))
	if err != nil || len(b) != linkSize {
		return "", problem.New("", CodeLinkInvalid)
	}
	signed, tag := b[:linkSize-linkTag], b[linkSize-linkTag:]
	if subtle.ConstantTimeCompare(tag, s.linkTag(p, signed)) != 1 {
		return "", problem.New("", CodeLinkInvalid)
	}
	if s.now().Unix() >= int64(binary.BigEndian.Uint64(signed[linkRandom:])) {
		return "", problem.New("", CodeLinkExpired)
	}
	return linkKey(b), nil
}

// findLink returns the record of a link that can be used now.
func (s *core) findLink(r kv.Reader, p Purpose, text Secret) (key string, rec linkRecord, err error) {
	key, err = s.openLink(p, text)
	if err != nil {
		return "", rec, err
	}
	err = kv.GetJSON(r, key, &rec)
	switch {
	case errors.Is(err, kv.ErrNotFound):
		return "", rec, problem.New("", CodeLinkUsed)
	case err != nil:
		return "", rec, err
	case rec.Purpose != p:
		return "", rec, problem.New("", CodeLinkInvalid)
	case !s.now().Before(rec.Expires):
		return "", rec, problem.New("", CodeLinkExpired)
	}
	good, err := linkStillValid(r, rec)
	if err == nil && !good {
		err = problem.New("", CodeLinkUsed)
	}
	return key, rec, err
}

// lookAtLink is findLink outside a transaction that writes. Anybody can send a link that is no good, so those who need no
// Session for it look first, and wait for no writer.
func (s *core) lookAtLink(ctx context.Context, p Purpose, text Secret) error {
	return s.store.View(ctx, func(r kv.Reader) error {
		_, _, err := s.findLink(r, p, text)
		return err
	})
}

// linkStillValid reports whether the account that a link depends on still has the generation that it
// had when the link was made.
func linkStillValid(r kv.Reader, rec linkRecord) (bool, error) {
	switch {
	case rec.Purpose == PurposeInvitation:
		inv, err := loadInvitation(r, rec.Subject)
		if err != nil {
			return false, ignoreNotFound(err)
		}
		return inv.valid(r)
	case !accountLinks[rec.Purpose]:
		return true, nil
	}
	u, err := loadUser(r, rec.Subject)
	return err == nil && u.Generation == rec.Generation, ignoreNotFound(err)
}

// ignoreNotFound returns err, or nil for ErrNotFound.
func ignoreNotFound(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// consumeLink uses a link up: the record that it returns is gone when tx commits.
func (s *core) consumeLink(tx kv.Tx, p Purpose, text Secret) (linkRecord, error) {
	key, rec, err := s.findLink(tx, p, text)
	if err != nil {
		return rec, err
	}
	return rec, tx.Delete([]byte(key))
}

// replaceLink stores a link in place of the previous one with the same slot; an empty key only voids
// the previous one. A slot holds the key of a link's record.
func replaceLink(tx kv.Tx, slot, key string, rec linkRecord) error {
	old, err := tx.Get([]byte(slot))
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	if err == nil {
		if err := tx.Delete(old); err != nil {
			return err
		}
	}
	if key == "" {
		return tx.Delete([]byte(slot))
	}
	if err := tx.Put([]byte(slot), []byte(key)); err != nil {
		return err
	}
	return kv.PutJSON(tx, key, rec)
}

// Slots for links that exist only once at a time. Each process has a set-up link of its own, so that the start of one
// does not void the link that another has shown.
const setupSlots = "authn/link-of/setup/"

func setupSlot(place string) string {
	h := sha256.Sum256([]byte(place))
	return setupSlots + hex.EncodeToString(h[:8])
}

// maxSetupLinks bounds the set-up links that work at a time; one more voids them all.
const maxSetupLinks = 16

// voidSetupLinks voids the set-up links of all processes, if there are at least so many.
func voidSetupLinks(tx kv.Tx, least int) error {
	slots, err := tx.Scan([]byte(setupSlots), nil, maxSetupLinks, false)
	if err != nil || len(slots) < least {
		return err
	}
	for _, p := range slots {
		if err := replaceLink(tx, string(p.Key), "", linkRecord{}); err != nil {
			return err
		}
	}
	return nil
}

func verifySlot(userID string) string { return "authn/link-of/verify/" + userID }

// voidLinks invalidates the pending links of an account.
func voidLinks(tx kv.Tx, userID string) error {
	for _, slot := range []string{verifySlot(userID), resetSlot(userID), recoverySlot(userID), emailChangeSlot(userID)} {
		if err := replaceLink(tx, slot, "", linkRecord{}); err != nil {
			return err
		}
	}
	return nil
}
