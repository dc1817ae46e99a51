package replication

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/scratch"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// ErrStale says that the store was not known to be current for longer than
// MaxStaleness. It comes with verifier.ErrUnavailable.
var ErrStale = errors.New("replication: the store is too old to decide")

// unavailable wraps verifier.ErrUnavailable as well as its error, without changing the
// text: the verifier adds that the store is unavailable.
type unavailable struct{ error }

func (u unavailable) Unwrap() []error { return []error{u.error, verifier.ErrUnavailable} }

// moment is a reading of both clocks at once.
type moment struct {
	wall time.Time
	mono time.Duration // since the follower was made
}

func (f *Follower) now() moment {
	if f.cfg.Clock == nil {
		t := time.Now() // one reading of both
		return moment{wall: t.Round(0), mono: t.Sub(f.began)}
	}
	return moment{wall: f.cfg.Clock().Round(0), mono: f.mono()}
}

// hear notes that the store is now known to have been current at m.
func (f *Follower) hear(m moment) {
	for {
		old := f.heard.Load()
		if old != nil && old.mono >= m.mono {
			return
		}
		if f.heard.CompareAndSwap(old, &m) {
			break
		}
	}
	err := f.cfg.Store.Heard(m.wall)
	switch {
	case errors.Is(err, rootkeys.ErrDamaged):
		f.cfg.Logger.Error("the root-key store can no longer be used", "error", err)
	case err != nil:
		f.cfg.Logger.Warn("after a restart, the store will not know when it last heard from the issuer", "error", err)
	}
}

// age returns how long ago the store was last known to be current, and false if that
// is not known.
func (f *Follower) age(now moment) (time.Duration, bool) {
	if m := f.heard.Load(); m != nil {
		return max(now.mono-m.mono, now.wall.Sub(m.wall), 0), true
	}
	saved := f.cfg.Store.LastHeard()
	if saved.IsZero() || now.wall.Before(saved) {
		return 0, false
	}
	return now.wall.Sub(saved), true
}

// stale returns the error of a store that is too old, or nil.
func (f *Follower) stale() error {
	age, known := f.age(f.now())
	switch {
	case known && age <= f.cfg.MaxStaleness:
		return nil
	case known:
		return unavailable{fmt.Errorf("%w: it was last known to be up to date %s ago, and %s is allowed", ErrStale, age.Round(time.Second), f.cfg.MaxStaleness)}
	case f.cfg.Store.LastHeard().IsZero():
		return unavailable{fmt.Errorf("%w: it has never heard from the issuer", ErrStale)}
	}
	return unavailable{fmt.Errorf("%w: it last heard from the issuer at %s, which is in the future: the clock was set back, so the age of the store is unknown", ErrStale, f.cfg.Store.LastHeard().UTC().Format(time.RFC3339))}
}

// Lookup implements verifier.Store. If the store is older than MaxStaleness, or does
// not have the token, Lookup asks the issuer for its position and waits until the
// store has reached it, for two seconds at most. Everyone who waits at one time shares
// one question, and the follower asks at most ten questions a second, whatever is
// looked up.
//
// verifier.ErrUnknownToken says that the issuer has no such token either. If the issuer
// can't be asked, a token that is not in the store may be a new one, and the answer is
// verifier.ErrUnavailable.
//
// If the issuer has another history than the store (ErrOtherHistory), every answer is
// verifier.ErrUnavailable.
func (f *Follower) Lookup(ctx context.Context, tokenID, project string) (verifier.Record, error) {
	var rec verifier.Record
	err := f.lookupInto(ctx, &rec, tokenID, project, &scratch.Memory{})
	return rec, err
}

// LookupInto is for package verifier: it returns a Lookup that reuses memory, or nil if
// store is not f itself but something that embeds it.
func (f *Follower) LookupInto(store verifier.Store) func(context.Context, *verifier.Record, string, string, *scratch.Memory) error {
	if store != verifier.Store(f) {
		return nil
	}
	return f.lookupInto
}

func (f *Follower) lookupInto(ctx context.Context, rec *verifier.Record, tokenID, project string, m *scratch.Memory) error {
	*rec = verifier.Record{}
	if err := f.parting(); err != nil {
		return err
	}
	if err := f.stale(); err != nil {
		if cause := f.confirm(ctx); cause != nil {
			return fmt.Errorf("%w: %w", err, cause)
		}
		if err := f.stale(); err != nil {
			return err
		}
	}
	err := f.into(ctx, rec, tokenID, project, m)
	if !errors.Is(err, verifier.ErrUnknownToken) || !caveats.ValidUUID(tokenID) {
		return err
	}
	if err := f.confirm(ctx); err != nil {
		return unavailable{fmt.Errorf("replication: the store does not have the token, and it could not be checked whether the token is new: %w", err)}
	}
	return f.into(ctx, rec, tokenID, project, m)
}

var _ verifier.Store = (*Follower)(nil)

// confirm makes sure that the store has what the issuer had when confirm was called.
func (f *Follower) confirm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, f.times.confirm)
	defer cancel()
	p, err := f.ask(ctx)
	if err != nil {
		return err
	}
	if err := f.CatchUp(ctx, p.head.Revision); err != nil {
		return err
	}
	if !f.reached(p.head) {
		return fmt.Errorf("replication: the issuer is at %s and the store at %s", p.head, f.cfg.Store.Position())
	}
	f.hear(p.asked)
	return nil
}

// proof records that the issuer was at head when it answered a question sent at asked: a
// store that has reached head was current at asked.
type proof struct {
	asked moment
	head  rootkeys.Position
}

// reached tells whether the store has all that the issuer had at head.
func (f *Follower) reached(head rootkeys.Position) bool {
	at := f.cfg.Store.Position()
	return at.Issuer == head.Issuer && at.Epoch == head.Epoch && at.Revision >= head.Revision && !at.Parted(head) && !f.cfg.Store.Filling()
}

// prove uses a proof now, or keeps it until the store has reached its head. It keeps the
// first and not a later one, which under steady change would always be out of reach.
func (f *Follower) prove(p proof) {
	f.mu.Lock()
	there := f.reached(p.head)
	if !there && (f.proof == nil || f.proof.head.Epoch != p.head.Epoch) {
		f.proof = &p
	}
	f.mu.Unlock()
	if there {
		f.hear(p.asked)
	}
}
