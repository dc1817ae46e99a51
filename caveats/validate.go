package caveats

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrUseless is the error of [Validate].
var ErrUseless = errors.New("caveats: caveat that no request can satisfy")

// Validate tells whether a caveat is worth adding to a token: that it has a wire
// form within [MaxCaveat], and that no element of it is of a form that matches
// nothing, such as a project name that is not normalized, a version that is not
// PEP 440, a network with host bits or an action that does not exist. The error
// is [ErrUseless] and names the element.
//
// A verifier does not ask for it: an element that matches nothing takes nothing
// away from the others.
func Validate(c Caveat) error {
	switch c := c.(type) {
	case Life:
		if c.ExpiresAt <= c.NotBefore {
			return fmt.Errorf("%w: a life that ends before it begins", ErrUseless)
		}
		return nil
	case User:
		return validateAll([]string{string(c)}, "user id", ValidUUID)
	case ProjectNames:
		return validateList(c, c, "normalized project name", func(s string) bool { return s != "" && NormalizeProject(s) == s })
	case ProjectIDs:
		return validateList(c, c, "project id", ValidUUID)
	case Versions:
		return validateList(c, c, "version", ValidVersion)
	case FileNames:
		return validateList(c, c, "file name", func(s string) bool { return s != "" && utf8.ValidString(s) })
	case Digests:
		return validateList(c, c, "SHA-256 digest in lower-case hex", validDigest)
	case Networks:
		return validateList(c, c, "network", func(s string) bool { _, ok := parseNetwork(s); return ok })
	case Actions:
		return validateList(c, c, "action", func(s string) bool { return s == ActionUpload || s == ActionCreate })
	default:
		return fmt.Errorf("%w: a caveat of an unknown kind", ErrUseless)
	}
}

func validateList(c Caveat, list []string, what string, valid func(string) bool) error {
	if len(list) == 0 {
		return fmt.Errorf("%w: an empty list allows no %s", ErrUseless, what)
	}
	if err := validateAll(list, what, valid); err != nil {
		return err
	}
	if n := len(c.Append(nil)); n > MaxCaveat {
		return fmt.Errorf("%w: %d bytes, the limit is %d", ErrUseless, n, MaxCaveat)
	}
	return nil
}

func validateAll(list []string, what string, valid func(string) bool) error {
	for _, s := range list {
		if !valid(s) {
			return fmt.Errorf("%w: %s is no %s", ErrUseless, quote(s), what)
		}
	}
	return nil
}
