// Package feed holds what an issuer tells its verifiers: the records that
// decide over tokens, in the order in which they changed. Both sides import it;
// it imports nothing but the standard library.
package feed

import (
	"errors"
	"time"
)

// ErrCompacted says that the issuer no longer has the changes asked for: the
// verifier takes a new snapshot.
var ErrCompacted = errors.New("feed: changes that far back are no longer kept")

// Chain tells histories apart that have the same numbers: each change set has the
// value that its issuer made from the value before it, what the set changed, and
// random bytes. Two stores with one Chain at one revision have one history up to it.
// A verifier can't compute it; it keeps it and says it.
type Chain [32]byte

// Position names a moment of an issuer's history.
type Position struct {
	Issuer   string // UUID that the issuer's store got when it was made
	Epoch    uint64 // raised by the operator when a store is restored from a backup
	Revision uint64 // number of the last committed change set; 0 before the first
	Chain    Chain  // value of the history up to Revision; zero before the first
}

// ChangeSet is what one transaction of the issuer changed.
type ChangeSet struct {
	Revision uint64
	Chain    Chain     // value of the history up to and with this set
	Time     time.Time // when it was committed, by the issuer's clock
	Changes  []Change
}

// Change is the new state of one record; exactly one field is set. Records are
// whole, so applying one twice is the same as once, and a change set may carry a
// record in a state that is newer than its revision.
type Change struct {
	Token   *Token   `json:",omitempty"`
	User    *User    `json:",omitempty"`
	Project *Project `json:",omitempty"`
}

// Token is what a verifier keeps of a token: enough to check it, too little to
// make a wider one.
type Token struct {
	ID           string    // UUID, the macaroon's identifier
	UserID       string    // UUID of its owner
	Location     string    // the macaroon's location
	Caveats      [][]byte  // as issued, in their order
	Signature    []byte    // 32 bytes: where the HMAC chain stands behind Caveats
	Restrictions [][]byte  `json:",omitempty"` // caveats the owner added on the server afterwards
	ExpiresAt    time.Time `json:",omitzero"`  // zero: never
	RevokedAt    time.Time `json:",omitzero"`  // zero: not revoked
	RevokedWhy   string    `json:",omitempty"` // for the denial: "by its owner"
}

// User is what a verifier keeps of a user.
type User struct {
	ID     string
	Name   string
	Frozen bool `json:",omitempty"`
}

// Project is what a verifier keeps of a project. A deleted one keeps its id and
// its name: the id is never used again, the name may be.
type Project struct {
	ID      string
	Name    string            // normalized
	Members map[string]string // user id to role: "owner", "maintainer", or a role that uploads nothing
	Deleted bool              `json:",omitempty"`
}

// RoleArchived is the role of every member of a project that is archived. It uploads
// nothing. It is a role, so that a verifier from before there was one denies, too.
const RoleArchived = "archived"
