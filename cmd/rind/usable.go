package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// staleness is how old a root-key store that nobody follows may be. Whatever reads such a
// store decides by it, so that one command does not use what another calls unusable.
type staleness struct {
	MaxStaleness time.Duration `help:"How long the store may decide without hearing from its issuer (default: 10m)." default:"10m" placeholder:"TIME"`
}

// Validate is asked by the command line's parser.
func (m staleness) Validate() error {
	if m.MaxStaleness <= 0 {
		return fmt.Errorf("--max-staleness must be positive, like 10m, not %s", m.MaxStaleness)
	}
	return nil
}

// usable is nil where the store can decide at the time now, and else says why it can't. Its
// age is -1 where it can't be told.
func (m staleness) usable(store *rootkeys.Store, now time.Time) (age time.Duration, why error) {
	heard := store.LastHeard()
	age = now.Sub(heard)
	switch {
	case heard.IsZero():
		return -1, errors.New("the store has never heard from an issuer: it is not filled yet")
	case age < 0:
		return -1, fmt.Errorf("the store last heard from the issuer at %s, which is in the future: the clock was set back, so the age of the store is unknown", stamp(heard))
	case store.Diverged():
		return age, errors.New(otherHistory)
	case store.Filling():
		return age, errors.New("the store is not filled yet")
	case age > m.MaxStaleness:
		return age, fmt.Errorf("the store is too old to decide: it last heard from the issuer at %s, %s ago, and %s is allowed; start what keeps the store up to date ('rind serve' or 'rind verifier follow'), or allow more with --max-staleness",
			stamp(heard), age.Round(time.Second), m.MaxStaleness)
	}
	return age, nil
}

// canVerify is nil where the root-key store of this process decides: it is current, and its
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

// usableStore is a store that decides nothing while it is not usable.
type usableStore struct {
	*rootkeys.Store
	staleness
}

// Lookup implements verifier.Store.
func (s usableStore) Lookup(ctx context.Context, tokenID, project string) (verifier.Record, error) {
	if _, why := s.usable(s.Store, time.Now()); why != nil {
		return verifier.Record{}, why // no denial: the verifier says that it could not check
	}
	return s.Store.Lookup(ctx, tokenID, project)
}
