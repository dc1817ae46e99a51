package verifierstatus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// Usable reports whether a store that no follower updates can decide at the time now: why is nil if it can, and
// otherwise says why not. age is -1 if it is unknown.
func Usable(store *rootkeys.Store, now time.Time, maxStaleness time.Duration) (age time.Duration, why error) {
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
	case age > maxStaleness:
		return age, fmt.Errorf("the store is too old to decide: it last heard from the issuer at %s, %s ago, and %s is allowed; start what keeps the store up to date ('rind serve' or 'rind verifier follow'), or allow more with --max-staleness",
			stamp(heard), age.Round(time.Second), maxStaleness)
	}
	return age, nil
}

// Store is a root-key store that no follower updates. It decides nothing while it is not usable.
type Store struct {
	*rootkeys.Store
	MaxStaleness time.Duration
}

// Lookup implements verifier.Store.
func (s Store) Lookup(ctx context.Context, tokenID, project string) (verifier.Record, error) {
	if _, why := Usable(s.Store, time.Now(), s.MaxStaleness); why != nil {
		return verifier.Record{}, why // no denial: the verifier says that it could not check
	}
	return s.Store.Lookup(ctx, tokenID, project)
}

// OfStore returns the status of a store that no follower updates.
func OfStore(store *rootkeys.Store, maxStaleness time.Duration) Status {
	at := store.Position()
	age, why := Usable(store, time.Now(), maxStaleness)
	v := Status{
		Usable: why == nil, Parted: store.Diverged(), IssuerID: at.Issuer, Epoch: at.Epoch, Revision: at.Revision, Head: at.Revision,
		HeardAt: stamp(store.LastHeard()), MaxStaleness: maxStaleness.Seconds(),
	}
	if age >= 0 {
		seconds := age.Seconds()
		v.Age = &seconds
	}
	if why != nil {
		v.Error = why.Error()
	}
	return v
}
