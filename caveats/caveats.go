// Package caveats holds the rules of a token: what each caveat means, how it is
// written, and whether a request satisfies it. It uses the standard library
// only, keeps no state, reads no clock and knows neither keys nor signatures.
//
// A verifier that has checked a token's signature calls [Check] with all its
// caveats and the facts of the request:
//
//	failures := caveats.Check(raw, caveats.Request{
//		Action: caveats.ActionUpload, Project: "demo", Now: time.Now(), …
//	})
//	if len(failures) > 0 { deny }
//
// Code that narrows a token makes caveats as values ([Versions]{"1.0"}), tests
// them with [Validate] and writes them with Append. Code that shows a token to a
// person reads its caveats with [Parse] and prints String.
//
// Three rules hold everywhere. A caveat can only deny; nothing here grants. A
// fact that the request does not have satisfies no caveat about it. A caveat that
// does not have exactly the form described in README.md, in this folder, denies.
//
// README.md and testdata/vectors are the contract for implementations in other
// languages. The tags and fields in it keep their meaning; new caveats get
// new tags, which older verifiers refuse.
package caveats

import (
	"errors"
	"net/netip"
	"slices"
	"time"
)

// MaxCaveat is the size limit of a caveat in bytes.
const MaxCaveat = 4096

// The tags. A caveat's array begins with one of these integers.
const (
	TagLife         = 0
	TagProjectNames = 1
	TagProjectIDs   = 2
	TagUser         = 3
	TagVersions     = 100
	TagFileNames    = 101
	TagDigests      = 102
	TagNetworks     = 103
	TagActions      = 104
)

// The actions that a request can ask for.
const (
	ActionUpload = "upload" // add a file to a project
	ActionStage  = "stage"  // propose a file, which others have to approve; who may upload may stage
	ActionCreate = "create" // register a project by its first upload
)

// ErrMalformed is the error of [Parse] for bytes that are not a caveat.
var ErrMalformed = errors.New("caveats: malformed caveat")

// ErrUnknown is the error of [Parse] for a well-formed caveat whose tag this
// version does not know.
var ErrUnknown = errors.New("caveats: unknown caveat")

// Request is what a verifier knows about one request. An empty string or a
// zero value means that the fact is not known; then no caveat about it holds.
type Request struct {
	Action    string     // ActionUpload, ActionStage or ActionCreate
	Project   string     // the project's name; it is normalized (PEP 503) before it is compared
	ProjectID string     // UUID of the project that has this name now
	UserID    string     // UUID of the user that the key store records for the token
	Version   string     // of the release, as the client wrote it (PEP 440)
	Filename  string     // of the uploaded file, without a folder
	SHA256    string     // of the uploaded bytes, 64 lower-case hex digits, computed and not declared
	ClientIP  netip.Addr // the client's address; IPv4 in IPv6 is unmapped before it is compared
	Now       time.Time  // the time of the request
}

// Reason says why a token is refused, as a word for programs.
type Reason string

// The reasons for denials. Caveats give those from MalformedCaveat to
// WrongAction; the verifier gives the others.
const (
	MalformedToken   Reason = "malformed_token"
	TooLarge         Reason = "too_large"
	UnknownToken     Reason = "unknown_token"
	WrongLocation    Reason = "wrong_location"
	BadSignature     Reason = "bad_signature"
	Revoked          Reason = "revoked"
	MalformedCaveat  Reason = "malformed_caveat"
	UnknownCaveat    Reason = "unknown_caveat"
	Expired          Reason = "expired"
	NotYetValid      Reason = "not_yet_valid"
	WrongProject     Reason = "wrong_project"
	WrongUser        Reason = "wrong_user"
	WrongVersion     Reason = "wrong_version"
	WrongFile        Reason = "wrong_file"
	WrongDigest      Reason = "wrong_digest"
	WrongNetwork     Reason = "wrong_network"
	WrongAction      Reason = "wrong_action"
	UserFrozen       Reason = "user_frozen"
	NotAMember       Reason = "not_a_member"
	ApprovalRequired Reason = "approval_required"
)

// Unavailable is not a denial: the check could not be made, because the key store
// is stale or can't be read. It never allows either.
const Unavailable Reason = "unavailable"

// Failure is one reason to deny a request and a sentence that tells a person
// what to do about it. The sentence has no full stop, is one line of printable
// characters whatever the caveat contains, and contains no token.
type Failure struct {
	Reason Reason
	Text   string // "token is valid for project 'demo', not for 'other'"
}

// Caveat is one restriction of a token. The types of this package implement it;
// all of them are plain values and safe to share.
type Caveat interface {
	// Tag is the integer that the wire form begins with, -1 for Unknown.
	Tag() int
	// Append appends the canonical wire form to dst: no white space, ASCII only.
	// Parse gives an equal value back wherever Validate finds nothing wrong.
	Append(dst []byte) []byte
	// Check returns nil if the request satisfies the caveat.
	Check(r Request) *Failure
	// String says in words what the caveat allows.
	String() string
}

// Check checks a request against all caveats of a token, in their wire form, and
// returns every failure once, in the order of the caveats; nil means that all of
// them hold. It does not stop at the first failure, so that a person can fix
// everything at once. If both a project id and a project name do not match, that
// is one failure, and its sentence gives the name.
//
// Check trusts that the caller has verified the signature over the caveats.
func Check(raw [][]byte, r Request) []Failure {
	var failures, ids []Failure
	named := false
	for _, b := range raw {
		if holds(b, &r) {
			continue
		}
		c, f := checkOne(b, r)
		switch {
		case f == nil:
		case isProjectIDs(c):
			ids = append(ids, *f)
		default:
			named = named || f.Reason == WrongProject
			if !slices.Contains(failures, *f) {
				failures = append(failures, *f)
			}
		}
	}
	if !named && len(ids) > 0 {
		failures = append(failures, ids[0])
	}
	return failures
}

func isProjectIDs(c Caveat) bool {
	_, is := c.(ProjectIDs)
	return is
}

func checkOne(raw []byte, r Request) (Caveat, *Failure) {
	c, err := Parse(raw)
	var bad *formError
	switch {
	case errors.As(err, &bad):
		return nil, &Failure{MalformedCaveat, "token has a caveat that is malformed: " + bad.words()}
	case err != nil && !errors.Is(err, ErrUnknown):
		return nil, &Failure{MalformedCaveat, "token has a caveat that is malformed"}
	}
	return c, c.Check(r)
}
