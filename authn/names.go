package authn

import (
	"net/mail"
	"regexp"
	"strings"

	"github.com/rind-dev/rind/internal/problem"
)

// Limits of names and addresses.
const (
	MaxUsername = 50  // characters, as PyPI has it
	MaxEmail    = 254 // bytes, RFC 5321 §4.5.3.1.3 less the angle brackets
	maxLocal    = 64  // bytes before the '@', RFC 5321 §4.5.3.1.1
)

// usernamePattern is the constraint on PyPI's accounts table: ASCII letters and
// digits, with '.', '_' and '-' between them. (PyPI's form wants two characters,
// its table takes one.)
var usernamePattern = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?$`)

// labelPattern is one part of a host name, RFC 1123 §2.1. An international
// name is typed in its ASCII form ("xn--…").
var labelPattern = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$`)

// fold makes the form in which names and addresses are compared. Both are
// ASCII, so lower case is all that there is to it: no look-alikes, no
// normal forms.
func fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// cleanUsername trims what was typed and checks it.
func cleanUsername(typed string, ps *problem.Problems) string {
	name := strings.TrimSpace(typed)
	switch {
	case len(name) > MaxUsername:
		ps.Add("username", CodeUsernameTooLong, "max", MaxUsername)
	case !usernamePattern.MatchString(name):
		ps.Add("username", CodeUsernameInvalid)
	}
	return name
}

// cleanEmail trims what was typed, checks it and folds its domain. It takes
// plain ASCII addresses: no display name, no comment, no quoted local part, no address
// literal, no route to another host ('%' and '!' in the local part, RFC 5321 §F.2), nothing that
// a program would take for an option, and a domain with a dot in it that is no IP address.
func cleanEmail(typed string, ps *problem.Problems) string {
	addr := strings.TrimSpace(typed)
	if len(addr) > MaxEmail {
		ps.Add("email", CodeEmailTooLong, "max", MaxEmail)
		return addr
	}
	parsed, err := mail.ParseAddress(addr)
	at := strings.LastIndexByte(addr, '@')
	if err != nil || parsed.Name != "" || parsed.Address != addr || at > maxLocal || !printableASCII(addr) || !validLocal(addr[:at]) || !validDomain(addr[at+1:]) {
		ps.Add("email", CodeEmailInvalid)
		return addr
	}
	return addr[:at+1] + strings.ToLower(addr[at+1:])
}

func printableASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

func validLocal(s string) bool { return !strings.ContainsAny(s, "%!|") && !strings.HasPrefix(s, "-") }

// validDomain tells whether a text is a host name whose last label is a name (RFC 3696 §2), so no
// IP address.
func validDomain(s string) bool {
	labels := strings.Split(s, ".")
	for _, l := range labels {
		if !labelPattern.MatchString(l) {
			return false
		}
	}
	return len(labels) > 1 && len(s) <= 253 && strings.Trim(labels[len(labels)-1], "0123456789") != ""
}
