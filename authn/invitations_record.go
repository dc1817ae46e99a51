package authn

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

// invitationRecord is under authn/invitation/<id>; its link's key is in a slot.
type invitationRecord struct {
	ID    string `json:"id"`
	Email string `json:"email"`
	ByID  string `json:"by_id"`
	By    string `json:"by"`

	ByGeneration uint64 `json:"by_generation,omitempty"` // of the inviter's account
	ByAdminTerm  uint64 `json:"by_admin_term,omitempty"` // userRecord.AdminTerm of it

	CreatedAt time.Time `json:"created_at"`
	Expires   time.Time `json:"expires"`
}

const invitationPrefix = "authn/invitation/"

// invitationTo returns the key of the invitation to an address.
const invitationTo = "authn/invitation-to/"

func invitationToKey(email string) string {
	h := sha256.Sum256([]byte(fold(email)))
	return invitationTo + hex.EncodeToString(h[:])
}

// valid reports whether the inviter's word still counts: they have been in office ever since, and
// nothing has evicted somebody else from their account. Invitations by the operator of the machine are
// always valid.
func (rec invitationRecord) valid(r kv.Reader) (bool, error) {
	if rec.ByID == "" {
		return true, nil
	}
	by, err := loadUser(r, rec.ByID)
	return err == nil && by.adminSince(rec.ByAdminTerm) && by.Generation == rec.ByGeneration, ignoreNotFound(err)
}

func invitationSlot(id string) string { return "authn/link-of/invitation/" + id }

func loadInvitation(r kv.Reader, id string) (rec invitationRecord, err error) {
	if len(id) > 64 {
		return rec, ErrNotFound
	}
	err = kv.GetJSON(r, invitationPrefix+id, &rec)
	if errors.Is(err, kv.ErrNotFound) {
		return rec, ErrNotFound
	}
	return rec, err
}

// loadInvitations reads all invitations, oldest first.
func loadInvitations(r kv.Reader) ([]invitationRecord, error) {
	found, err := kv.All(r, []byte(invitationPrefix))
	if err != nil {
		return nil, err
	}
	out := make([]invitationRecord, len(found))
	for i, p := range found {
		err := json.Unmarshal(p.Value, &out[i])
		if err != nil {
			return nil, fmt.Errorf("authn: the record %q is damaged: %w", p.Key, err)
		}
	}
	return out, nil
}

func (rec invitationRecord) public() Invitation {
	return Invitation{ID: rec.ID, Email: rec.Email, By: rec.By, CreatedAt: rec.CreatedAt, Expires: rec.Expires}
}

// forgetInvitation deletes an invitation, its slot, and its link if it is there.
func forgetInvitation(tx kv.Tx, rec invitationRecord) error {
	if err := replaceLink(tx, invitationSlot(rec.ID), "", linkRecord{}); err != nil {
		return err
	}
	if err := tx.Delete([]byte(invitationToKey(rec.Email))); err != nil {
		return err
	}
	return tx.Delete([]byte(invitationPrefix + rec.ID))
}
