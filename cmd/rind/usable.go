package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rind-dev/rind/verifier/rootkeys"
)

// staleness is how old a root-key store that nobody follows may be. All commands that read such a
// store use this limit, so that one command does not use what another calls unusable.
type staleness struct {
	MaxStaleness time.Duration `help:"How long the store may decide without hearing from its issuer (default: 10m)." default:"10m" placeholder:"TIME"`
}

// Validate is called by the command line's parser.
func (m staleness) Validate() error {
	if m.MaxStaleness <= 0 {
		return fmt.Errorf("--max-staleness must be positive, like 10m, not %s", m.MaxStaleness)
	}
	return nil
}

// canVerify returns nil if the root-key store of this process can decide: it is current, and its
// file can be read.
func (h *instance) canVerify(context.Context) error {
	s := h.follower.Status()
	switch {
	case s.Usable:
		return nil
	case s.Parted, errors.Is(s.Err, rootkeys.ErrDamaged):
		return s.Err
	case s.Age < 0:
		return errors.New("the root-key store is not up to date yet")
	}
	return errors.Join(fmt.Errorf("the root-key store was last up to date %s ago", s.Age.Round(time.Second)), s.Err)
}
