package projects

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
)

// inviteRecord is an invitation in the store. Three indexes have an entry for it: by
// project, by recipient, and by the secret of its link.
type inviteRecord struct {
	Project      string    `json:"project"` // id
	To           string    `json:"to"`
	User         string    `json:"user,omitempty"`    // id of the user to whom it is bound
	Address      string    `json:"address,omitempty"` // or the lower-case address; both are empty if To is nobody's name
	Role         Role      `json:"role"`
	Hand         Stay      `json:"hand,omitempty"`
	By           string    `json:"by"` // id of the user
	ByName       string    `json:"by_name"`
	ByGeneration uint64    `json:"by_generation,omitempty"` // People.Generation of By when it was made or sent again
	Created      time.Time `json:"created"`
	Sent         time.Time `json:"sent"`
	Expires      time.Time `json:"expires"`
	Secret       []byte    `json:"secret"` // SHA-256 of the link's secret
}

// recipient returns the key by which an invitation is found for the invited person: the id
// of a user, or a hash of an address or of a name that nobody has.
func (inv inviteRecord) recipient() string {
	switch {
	case inv.User != "":
		return inv.User
	case inv.Address != "":
		return recipientOf(inv.Address)
	}
	return recipientOf("name " + strings.ToLower(inv.To))
}

func recipientOf(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

// putInvite stores an invitation with a new link.
func (s *Service) putInvite(c *ledger.Change, id string, inv *inviteRecord, secret string) error {
	hash := sha256.Sum256([]byte(secret))
	inv.Secret, inv.Sent, inv.Expires = hash[:], c.Now, c.Now.Add(InvitationLife)
	var err error
	inv.ByGeneration, err = s.people.Generation(c, inv.By)
	if err != nil {
		return err
	}
	if err := kv.PutJSON(c, inviteKey(id), inv); err != nil {
		return err
	}
	if err := c.Put(inviteOfKey(inv.Project, id), nil); err != nil {
		return err
	}
	if err := c.Put(inviteForKey(inv.recipient(), id), nil); err != nil {
		return err
	}
	return c.Put([]byte(inviteSecretKey(inv.Secret)), []byte(id))
}

// dropInvite deletes an invitation, and with it its link.
func dropInvite(c *ledger.Change, id string, inv inviteRecord) error {
	for _, key := range [][]byte{
		[]byte(inviteKey(id)), inviteOfKey(inv.Project, id), inviteForKey(inv.recipient(), id), []byte(inviteSecretKey(inv.Secret)),
	} {
		if err := c.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

func (inv inviteRecord) view(id, project string) Invitation {
	return Invitation{
		ID: id, Project: project, To: inv.To, Role: inv.Role, Hand: inv.Hand, By: inv.ByName,
		Created: inv.Created, Sent: inv.Sent, Expires: inv.Expires,
	}
}

// eachInviteOf calls fn with the invitations of a project, oldest first. checkPending keeps their number below the limit
// of this scan.
func eachInviteOf(r kv.Reader, project string, fn func(id string, inv inviteRecord) error) error {
	prefix := inviteOfPrefix(project)
	pairs, err := r.Scan(prefix, nil, 4*MaxInvitations, false)
	if err != nil {
		return err
	}
	return eachInvite(r, prefix, pairs, fn)
}

// eachInvite calls fn with the invitations that some entries of an index refer to.
func eachInvite(r kv.Reader, prefix []byte, pairs []kv.Pair, fn func(id string, inv inviteRecord) error) error {
	for _, pair := range pairs {
		id := string(pair.Key[len(prefix):])
		inv, err := readInvite(r, id)
		if err == nil {
			err = fn(id, inv)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readInvite reads an invitation, or returns ErrNotFound. The id may come from outside.
func readInvite(r kv.Reader, id string) (inv inviteRecord, err error) {
	if len(id) > 36 {
		return inv, ledger.ErrNotFound
	}
	err = kv.GetJSON(r, inviteKey(id), &inv)
	if errors.Is(err, kv.ErrNotFound) {
		return inv, ledger.ErrNotFound
	}
	return inv, err
}
