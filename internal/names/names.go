// Package names says which names a user and which e-mail addresses a person may have. The same rules apply to people
// who register, who are invited, and who change their address.
package names

import (
	"net/mail"
	"regexp"
	"strings"
)

// Limits.
const (
	MaxUser    = 50  // characters of a user's name, as PyPI has it
	MaxAddress = 254 // bytes of an address, RFC 5321 §4.5.3.1.3 less the angle brackets
	maxLocal   = 64  // bytes before the '@', RFC 5321 §4.5.3.1.1
	maxDomain  = 253 // bytes, RFC 1035 §3.1 as text
)

// userPattern is the constraint on PyPI's accounts table: ASCII letters and
// digits, with '.', '_' and '-' between them. (PyPI's form wants two characters,
// its table takes one.)
var userPattern = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?$`)

// labelPattern is one part of a host name, RFC 1123 §2.1. An international
// name is typed in its ASCII form ("xn--…").
var labelPattern = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$`)

// User reports whether a text can be the name of a user.
func User(s string) bool { return len(s) <= MaxUser && userPattern.MatchString(s) }

// Address reports whether a text is an address that a person may have. It accepts only bare ASCII addresses: no
// display name, comment, quoted local part or address literal, no route to another host
// ('%' and '!' in the local part, RFC 5321 §F.2), nothing that a program would take for an option or a
// pipe. The domain must contain a dot and must not be an IP address.
func Address(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at > maxLocal || len(s) > MaxAddress || !printable(s) || !local(s[:at]) || !domain(s[at+1:]) {
		return false
	}
	parsed, err := mail.ParseAddress(s)
	return err == nil && parsed.Name == "" && parsed.Address == s
}

func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

func local(s string) bool { return !strings.ContainsAny(s, "%!|") && !strings.HasPrefix(s, "-") }

// domain reports whether a text is a host name whose last label is a name (RFC 3696 §2), so
// that it is not an IP address.
func domain(s string) bool {
	labels := strings.Split(s, ".")
	for _, l := range labels {
		if !labelPattern.MatchString(l) {
			return false
		}
	}
	return len(labels) > 1 && len(s) <= maxDomain && strings.Trim(labels[len(labels)-1], "0123456789") != ""
}
