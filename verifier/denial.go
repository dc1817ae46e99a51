package verifier

import (
	"strings"

	"github.com/rind-dev/rind/caveats"
)

// Denial is the error for a check that was made and failed: the token does not
// allow the request.
type Denial struct {
	// TokenID is the identifier that the token claims, or empty if the
	// token doesn't name one in the form of a UUID. If the reason is
	// wrong_location or bad_signature, or comes before those, the sender
	// may never have had that token: don't hold it against its owner.
	TokenID string

	// UserID is the UUID of the token's owner if the token is genuine and not revoked, so that
	// only what the request asks for stands in its way; otherwise it is empty.
	UserID string

	// UserName is that owner's name, for the log. It is empty if UserID is.
	UserName string

	// Failures says why, in the order of the checks; it holds at least one.
	Failures []caveats.Failure
}

// Error is Message after the name of the package.
func (d *Denial) Error() string { return "verifier: denied: " + d.Message() }

// Message says in words what is wrong, for the person who sent the token:
// "token is expired". It holds no text of the token. PyPI's clients expect it
// behind "Invalid API Token: ".
func (d *Denial) Message() string {
	texts := make([]string, len(d.Failures))
	for i, f := range d.Failures {
		texts[i] = f.Text
	}
	return strings.Join(texts, "; ")
}

// Reason is the first reason, or "" in a Denial without any.
func (d *Denial) Reason() caveats.Reason {
	if len(d.Failures) == 0 {
		return ""
	}
	return d.Failures[0].Reason
}

// Has tells whether one of the failures has the reason.
func (d *Denial) Has(r caveats.Reason) bool { return has(d.Failures, r) }

func has(fs []caveats.Failure, r caveats.Reason) bool {
	for _, f := range fs {
		if f.Reason == r {
			return true
		}
	}
	return false
}

func deny(tokenID string, r caveats.Reason, text string) error {
	return &Denial{TokenID: tokenID, Failures: []caveats.Failure{{Reason: r, Text: text}}}
}
