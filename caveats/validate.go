package caveats

import (
	"errors"
	"fmt"
)

// ErrUseless is the error of [Validate].
var ErrUseless = errors.New("caveats: caveat that no request can satisfy")

// Validate checks that a caveat is worth adding to a token: that it has a wire
// form within [MaxCaveat] that [Parse] accepts, and that a request can satisfy it. A
// list without elements, a life that ends before it begins and a project name that is not
// in normal form are well-formed, but useless. The error is [ErrUseless] and names the element.
func Validate(c Caveat) error {
	if bad := checkElements(c); bad != nil {
		return fmt.Errorf("%w: %s", ErrUseless, bad.words())
	}
	list, f := elementsOf(c)
	switch c := c.(type) {
	case Life:
		if c.ExpiresAt <= c.NotBefore {
			return fmt.Errorf("%w: a life that ends before it begins", ErrUseless)
		}
	case ProjectNames:
		for _, s := range c {
			if NormalizeProject(s) != s {
				return fmt.Errorf("%w: the project name %s is not in normal form, write %s", ErrUseless, quote(s), quote(NormalizeProject(s)))
			}
		}
	}
	if _, life := c.(Life); !life && f.valid == nil {
		return fmt.Errorf("%w: a caveat of an unknown kind", ErrUseless)
	} else if !life && len(list) == 0 {
		return fmt.Errorf("%w: an empty list allows nothing", ErrUseless)
	}
	if n := len(c.Append(nil)); n > MaxCaveat {
		return fmt.Errorf("%w: %d bytes, the limit is %d", ErrUseless, n, MaxCaveat)
	}
	return nil
}
