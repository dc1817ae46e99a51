package ui

import "time"

// States of a verifier.
const (
	VerifierConnected = "connected"
	VerifierAway      = "away" // was connected before, but is not now
	VerifierNew       = "new"  // was never connected
	VerifierRevoked   = "revoked"

	// VerifierAstray is the state of a verifier whose history differs from that of this server's
	// store, which was restored from a backup. It decides nothing.
	VerifierAstray = "astray"
)

// VerifierRow is a verifier as an administrator sees it, never with its secret.
type VerifierRow struct {
	ID        string
	Name      string
	State     string
	CreatedAt time.Time
	CreatedBy string
	SeenAt    time.Time     // zero: never
	Lag       int           // changes that it lacks
	Age       time.Duration // age of the oldest of these changes
	RevokedAt time.Time
	RevokedBy string
}

// VerifiersPage lists the verifiers. Form: POST PathVerifiers with name. After that it shows the secret
// of the new verifier, once, in the element with the id "secret".
type VerifiersPage struct {
	Layout
	Verifiers []VerifierRow // in display order
	Name      string        // text typed into the field name
	NewName   string        // name of the new verifier
	Secret    string        // secret of the new verifier; "" shows none
	IssuerURL string        // absolute address that the verifier connects to
}

// Working returns the verifiers that were not revoked.
func (v VerifiersPage) Working() []VerifierRow { return v.pick(false) }

// Ended returns the verifiers that were revoked.
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

// VerifierRevokePage asks for confirmation before a verifier is revoked. Form: POST PathVerifierRevoke
// without fields.
type VerifierRevokePage struct {
	Layout
	Verifier VerifierRow
}

func (v VerifierRevokePage) about() about {
	return about{page: "verifier_revoke", title: "verifier_revoke.title", args: Args{"name": v.Verifier.Name}, place: placeAdmin}
}
