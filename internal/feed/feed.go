// Package feed holds what an issuer tells its verifiers: the records that
// decide over tokens, in the order in which they changed. Both sides import it;
// it imports nothing but the standard library.
package feed

import (
	"encoding/binary"
	"errors"
	"time"
)

// ErrCompacted says that the issuer no longer has the changes asked for: the
// verifier takes a new snapshot.
var ErrCompacted = errors.New("feed: changes that far back are no longer kept")

// ErrOtherHistory says that a verifier's position is not in the issuer's history: one of
// the two was restored from a backup, and both went on.
var ErrOtherHistory = errors.New("feed: the issuer has another history than the verifier knows")

// Chain tells histories with the same numbers apart: the value of each commit of an issuer
// is made from the value before it, the commit's changes, and random bytes. All stores that
// have the same Chain share one history up to the revision that it begins with.
// A verifier can't compute the value; it keeps it and sends it back.
type Chain [32]byte

// NewChain makes the value of a revision from a hash: the number in eight bytes,
// big-endian, and as much of the hash as fits.
func NewChain(revision uint64, hash [32]byte) (c Chain) {
	copy(c[8:], hash[:])
	binary.BigEndian.PutUint64(c[:8], revision)
	return c
}

// Revision returns the revision that the value belongs to; 0 before the first.
func (c Chain) Revision() uint64 { return binary.BigEndian.Uint64(c[:8]) }

// Position names a moment of an issuer's history.
type Position struct {
	Issuer   string `json:"issuer"`   // UUID that the issuer's store got when it was made
	Epoch    uint64 `json:"epoch"`    // raised by the operator when a store is restored from a backup
	Revision uint64 `json:"revision"` // number of the last committed change set; 0 before the first
	Chain    Chain  `json:"chain"`    // value of the history that is known: up to Revision, or beyond; zero before the first
}

// Parted reports whether two positions belong to different histories: they have different
// values for one moment. If it is false, they may or may not.
func (p Position) Parted(q Position) bool {
	return p.Issuer == q.Issuer && p.Epoch == q.Epoch && p.Chain != q.Chain && p.Chain.Revision() == q.Chain.Revision()
}

// ChangeSet is what one transaction of the issuer changed.
type ChangeSet struct {
	Revision uint64    `json:"revision"`
	Chain    Chain     `json:"chain"` // value of the moment that Changes are of: that of the set, or a later one
	Time     time.Time `json:"time"`  // when it was committed, by the issuer's clock
	Changes  []Change  `json:"changes"`
}

// Change is the new state of one record; exactly one field is set. Records are
// whole, so applying one twice is the same as once, and a change set may carry a
// record in a state that is newer than its revision.
type Change struct {
	Token   *Token   `json:"token,omitempty"`
	User    *User    `json:"user,omitempty"`
	Project *Project `json:"project,omitempty"`
}

// Token is what a verifier stores about a token: enough to check it, not enough to create a
// wider one.
type Token struct {
	ID           string    `json:"id"`                     // UUID, the macaroon's identifier
	UserID       string    `json:"user_id"`                // UUID of its owner
	Location     string    `json:"location"`               // the macaroon's location
	Caveats      [][]byte  `json:"caveats"`                // as issued, in their order
	Signature    []byte    `json:"signature"`              // 32 bytes: the value of the HMAC chain after Caveats
	Restrictions [][]byte  `json:"restrictions,omitempty"` // caveats the owner added on the server afterwards
	ExpiresAt    time.Time `json:"expires_at,omitzero"`    // zero: never
	RevokedAt    time.Time `json:"revoked_at,omitzero"`    // zero: not revoked
	RevokedWhy   string    `json:"revoked_why,omitempty"`  // for the denial: "by its owner"
	Registers    bool      `json:"registers,omitempty"`    // it may register projects, by their first upload
	Job          bool      `json:"job,omitempty"`          // it was minted for a job of a trusted publisher
}

// User is what a verifier stores about a user.
type User struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Frozen bool   `json:"frozen,omitempty"`
}

// Project is what a verifier stores about a project. A deleted one keeps its id and
// its name: the id is never used again, but the name may be.
type Project struct {
	ID      string            `json:"id"`
	Name    string            `json:"name"`    // normalized
	Members map[string]string `json:"members"` // user id to role: "owner", "maintainer", or a role that uploads nothing
	Deleted bool              `json:"deleted,omitempty"`
}

// RoleArchived is the role of every member of an archived project. It cannot upload. It is a
// role so that verifiers which do not know about archiving deny, too.
const RoleArchived = "archived"

// RoleQuarantined is the role of every member of a quarantined project. It cannot upload. It is a role for the same reason.
const RoleQuarantined = "quarantined"

// RolePublishers is the role of every member of a project that takes uploads of trusted publishers only: just
// their jobs' tokens can upload. It is a role for the same reason.
const RolePublishers = "publishers"
