package ui

import "time"

// States of a verifier.
const (
	VerifierConnected = "connected"
	VerifierAway      = "away" // was there, and is not now
	VerifierNew       = "new"  // was never there
	VerifierRevoked   = "revoked"

	// VerifierAstray is the state of one that knows another history than this server's store,
	// which was restored from a backup; it decides nothing.
	VerifierAstray = "astray"
)

// VerifierRow is a verifier as an administrator sees it; never its secret.
type VerifierRow struct {
	ID        string
	Name      string
	State     string
	CreatedAt time.Time
	CreatedBy string
	SeenAt    time.Time     // zero: never
	Lag       int           // changes that it lacks
	Age       time.Duration // since when the first of them is there
	RevokedAt time.Time
	RevokedBy string
}

// VerifiersPage lists the verifiers. Form: POST PathVerifiers with name. Where one
// was just registered it shows the secret, once, in the element with the id "secret".
type VerifiersPage struct {
	Layout
	Verifiers []VerifierRow // in the order they are shown
	Name      string        // what was typed into name
	NewName   string        // of the verifier just registered
	Secret    string        // of that; "" shows none
	IssuerURL string        // absolute; what the verifier connects to
}

// Working are the verifiers that were not revoked.
func (v VerifiersPage) Working() []VerifierRow { return v.pick(false) }

// Ended are those that were.
func (v VerifiersPage) Ended() []VerifierRow { return v.pick(true) }

func (v VerifiersPage) pick(revoked bool) []VerifierRow {
	var out []VerifierRow
	for _, r := range v.Verifiers {
		if (r.State == VerifierRevoked) == revoked {
			out = append(out, r)
		}
	}
	return out
}

func (VerifiersPage) about() about {
	return about{page: "verifiers", title: "verifiers.title", place: placeAdmin}
}

// VerifierRevokePage asks before a verifier is revoked. Form: POST
// PathVerifierRevoke without fields.
type VerifierRevokePage struct {
	Layout
	Verifier VerifierRow
}

func (v VerifierRevokePage) about() about {
	return about{page: "verifier_revoke", title: "verifier_revoke.title", args: Args{"name": v.Verifier.Name}, place: placeAdmin}
}
