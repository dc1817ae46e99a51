package authn

import (
	"strings"

	"github.com/rind-dev/rind/internal/names"
	"github.com/rind-dev/rind/internal/problem"
)

// Limits of names and addresses; package names has the rules.
const (
	maxUsername = names.MaxUser    // characters
	maxEmail    = names.MaxAddress // bytes
)

// fold returns the form in which names and addresses are compared. Both are ASCII, so lower case is
// enough: there are no look-alikes and no normal forms.
func fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// cleanUsername trims what was typed and checks it.
func cleanUsername(typed string, ps *problem.Problems) string {
	name := strings.TrimSpace(typed)
	switch {
	case len(name) > maxUsername:
		ps.Add("username", CodeUsernameTooLong, "max", maxUsername)
	case !names.User(name):
		ps.Add("username", CodeUsernameInvalid)
	}
	return name
}

// cleanEmail trims what was typed, checks it and folds its domain.
func cleanEmail(typed string, ps *problem.Problems) string {
	addr := strings.TrimSpace(typed)
	switch {
	case len(addr) > maxEmail:
		ps.Add("email", CodeEmailTooLong, "max", maxEmail)
		return addr
	case !names.Address(addr):
		ps.Add("email", CodeEmailInvalid)
		return addr
	}
	at := strings.LastIndexByte(addr, '@')
	return addr[:at+1] + strings.ToLower(addr[at+1:])
}
