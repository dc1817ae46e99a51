// Package verifier decides whether an upload token allows a request, from
// records on the verifier's own disk, without asking anybody.
//
// # The usual way
//
// Open a root-key store, keep it current, verify, and act on the grant:
//
//	keys, err := rootkeys.Open("rootkeys.db", rootkeys.Options{Key: key})
//	issuer, err := replication.NewRemote(replication.RemoteConfig{URL: url, SecretFile: file})
//	follower := replication.New(replication.Config{Remote: issuer, Store: keys})
//	go follower.Run(ctx)
//
//	grant, err := verifier.New(follower).Verify(ctx, text, verifier.Request{
//		Action:  caveats.ActionUpload,
//		Project: nameFromTheForm,
//	})
//
// There are three outcomes, and they never mix:
//
//   - err is nil: the token allows the request. Act on grant.Project, the name
//     that was checked, never on the name that the client sent.
//   - errors.As finds a *Denial: the token does not allow it. Answer HTTP 403;
//     denial.Message() is made for the person who reads it.
//   - errors.Is finds ErrUnavailable: the check could not be made. Answer HTTP
//     503, never an allow. Every error that is not a *Denial is this one.
//
// Put every fact that is known so far into the Request. A fact that a request leaves
// out satisfies no caveat about it, so a handler that learns the file's digest only
// at the end verifies again at the end.
//
// # What is trusted
//
// The token's owner, and the most that it may do, come from the Record that the
// Store holds under the token's identifier. Nothing in the token's text
// can add to that; a caveat can only deny.
//
// # What the store can be used for if it leaks
//
// The store is secret: a Record holds the signature of a token that exists, so
// whoever reads it can write that token out, use it, and narrow it. The signature is
// not a minting key: with it, nobody can drop a caveat that the issuer put
// into that token or make a token under another identifier, because the root
// key was forgotten at minting and the signature comes after those caveats in the chain.
// After a leak, revoke the tokens that existed.
//
// # Compatibility
//
// The names of this package and the form of tokens won't change. New caveats and new
// reasons may appear; a program that doesn't know a reason shows its text.
package verifier

import (
	"context"
	"errors"
	"time"

	"github.com/rind-dev/rind/caveats"
)

// ErrUnknownToken is what a Store returns when it is sure that no token has the
// identifier. Verify turns it into a Denial.
var ErrUnknownToken = errors.New("verifier: no such token")

// ErrUnavailable says that the check could not be made: the store is stale,
// locked, damaged or out of reach, or the context ended. It is neither an allow
// nor a denial. The error that wraps it says what to do.
var ErrUnavailable = errors.New("verifier: the token could not be checked")

// Store is where a Verifier finds what was issued.
type Store interface {
	// Lookup returns what is recorded about the token, and about the project
	// with the normalized name project unless that is empty, all from one
	// moment. It returns ErrUnknownToken if it is sure that no such token
	// exists; any other error says that it can't tell. Several goroutines may
	// call it at once. The slices of the Record belong to the caller, who
	// only reads them.
	Lookup(ctx context.Context, tokenID, project string) (Record, error)
}

// Record is what is kept about one token, and what decides about it.
type Record struct {
	Location     string    // the host that issued it
	UserID       string    // UUID of its owner
	UserName     string    // the owner's name, for people
	UserFrozen   bool      // the owner may do nothing at present
	Caveats      [][]byte  // as issued, in their order, at least one
	Signature    [32]byte  // the HMAC chain's value after Caveats
	Restrictions [][]byte  // caveats added on the issuer's side since
	ExpiresAt    time.Time // the token is good before this moment; zero: no end
	RevokedAt    time.Time // zero: not revoked
	RevokedWhy   string    // completes "token was revoked …": "by its owner"
	Registers    bool      // the token may register a project that does not exist yet
	Job          bool      // it was issued to a job of a trusted publisher
	Project      Project   // the project that Lookup was asked about
}

// Project is what is known about the project that a request names. It is zero
// if no such project exists.
type Project struct {
	ID          string // UUID; never used again, as the name may be
	Name        string // normalized (PEP 503)
	Member      bool   // the token's owner now has a role in it that may upload
	Archived    bool   // the token's owner has a role in it, and it takes no uploads now
	Quarantined bool   // the token's owner has a role in it, and it takes no uploads while its operators look into it
	JobsOnly    bool   // the token's owner has a role in it, and only tokens of jobs upload to it; Member says whether this one may
}

// Request is what a token is asked to allow. Verify fills in ProjectID and UserID
// from the Record, whatever the caller put there, and normalizes Project; a zero
// Now means the present.
type Request = caveats.Request

// Grant says what was allowed and to whom.
type Grant struct {
	TokenID   string    // UUID of the token
	UserID    string    // UUID of its owner
	UserName  string    // the owner's name
	ProjectID string    // UUID of the project; "" for one that does not exist yet, with caveats.ActionCreate
	Project   string    // its normalized name: the one to act on
	Action    string    // the action of the request
	ExpiresAt time.Time // when the token ends, by what was issued or added; zero: never, or after the year 9999
	added     string    // the holder's caveats, each after its length in two bytes
}

// Added says in words what the holder added to the token, in order. It is nil if the holder
// added nothing.
func (g Grant) Added() (words []string) {
	for rest := g.added; len(rest) >= 2; {
		end := 2 + int(rest[0])<<8 + int(rest[1])
		if c, err := caveats.Parse([]byte(rest[2:end])); err == nil { // it did parse when it was checked
			words = append(words, c.String())
		}
		rest = rest[end:]
	}
	return words
}

// Verifier checks tokens against a Store. It keeps nothing between two checks
// and may be used by several goroutines at once.
type Verifier struct {
	store Store
	into  lookupInto // the store's own; nil where it has none
	now   func() time.Time
}

// New makes a Verifier that reads from store, which must not be nil.
func New(store Store) *Verifier {
	v := &Verifier{store: store, now: time.Now}
	if r, ok := store.(reuser); ok {
		v.into = r.LookupInto(store)
	}
	return v
}

// WithClock returns a Verifier of the same store that asks now for the time if a Request
// doesn't give it.
func (v *Verifier) WithClock(now func() time.Time) *Verifier {
	return &Verifier{store: v.store, into: v.into, now: now}
}
