package caveats

import (
	"fmt"
	"net/netip"
	"unicode/utf8"
)

// form describes how an element of a list, or the user of a user caveat, must look. An
// element of another form could not match any request, so [Parse] refuses the caveat.
type form struct {
	what  string // what the element has to be, in words, after "is no"
	valid func(string) bool
}

var (
	projectForm = form{"project name: letters, digits, '.', '-' and '_', with a letter or digit at both ends", ValidProjectName}
	uuidForm    = form{"UUID in lower-case hex digits and dashes", ValidUUID}
	versionForm = form{"version of PEP 440", ValidVersion}
	fileForm    = form{"name of a file, without a folder", validFileName[string]}
	digestForm  = form{"SHA-256 digest: 64 lower-case hex digits", validDigest[string]}
	networkForm = form{"network: a CIDR prefix without host bits, like 203.0.113.0/24", validNetwork}
	actionForm  = form{"action: " + ActionUpload + ", " + ActionStage + " or " + ActionCreate, validAction[string]}
)

// elementsOf returns the elements of a caveat that have a form, and the form.
func elementsOf(c Caveat) ([]string, form) {
	switch c := c.(type) {
	case User:
		return []string{string(c)}, uuidForm
	case ProjectNames:
		return c, projectForm
	case ProjectIDs:
		return c, uuidForm
	case Versions:
		return c, versionForm
	case FileNames:
		return c, fileForm
	case Digests:
		return c, digestForm
	case Networks:
		return c, networkForm
	case Actions:
		return c, actionForm
	}
	return nil, form{}
}

// checkElements returns nil if all elements of a caveat have their form.
func checkElements(c Caveat) *formError {
	list, f := elementsOf(c)
	for _, s := range list {
		if !f.valid(s) {
			return &formError{s, f.what}
		}
	}
	return nil
}

// formError is the ErrMalformed for an element that does not have its form.
type formError struct{ element, what string }

func (e *formError) Error() string { return fmt.Sprintf("%v: %s", ErrMalformed, e.words()) }
func (e *formError) Unwrap() error { return ErrMalformed }
func (e *formError) words() string { return quote(e.element) + " is no " + e.what }

// validFileName reports whether s can be the name of a file, without a folder.
func validFileName[T string | []byte](s T) bool {
	if len(s) == 0 || string(s) == "." || string(s) == ".." {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] == '/' || s[i] == 0 {
			return false
		}
	}
	return utf8.ValidString(string(s))
}

// validDigest reports whether s is a SHA-256 digest in lower-case hex.
func validDigest[T string | []byte](s T) bool { return len(s) == 64 && areLowerHex(s) }

func validAction[T string | []byte](s T) bool {
	switch string(s) {
	case ActionUpload, ActionStage, ActionCreate:
		return true
	}
	return false
}

func validNetwork(s string) bool { _, ok := parseNetwork(s); return ok }

// parseNetwork reads a CIDR prefix. It refuses a prefix with bits beyond its length,
// because readers disagree about what it means, and a prefix of IPv4 addresses inside
// IPv6, because clients' addresses are unmapped before they are compared.
func parseNetwork(s string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(s)
	return p, err == nil && p == p.Masked() && !(p.Addr().Is4In6() && p.Bits() >= 96)
}
