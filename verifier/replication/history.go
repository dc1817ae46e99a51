package replication

import (
	"context"
	"errors"
	"fmt"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// split records that the issuer's history was found to differ from the store's.
type split struct {
	issuer string // that the store followed then
	epoch  uint64
	err    error
}

// errHistory is ErrOtherHistory in this package's name.
var errHistory error = otherHistory{}

type otherHistory struct{}

func (otherHistory) Error() string {
	return "replication: the issuer has a different history than this store"
}
func (otherHistory) Unwrap() error { return ErrOtherHistory }

// remedy tells the operator how to make the store usable again.
const remedy = "one of the two was restored from a backup, so this store decides nothing until 'rind restored' is run on the issuer, or 'rind verifier reset' here"

// parting returns the error with which the store decides nothing because its issuer has
// another history. It is nil if no such thing is known.
func (f *Follower) parting() error {
	if p := f.split.Load(); p != nil {
		if at := f.cfg.Store.Position(); at.Issuer == p.issuer && at.Epoch == p.epoch {
			return unavailable{fmt.Errorf("%w: %s: %w", errHistory, remedy, p.err)}
		}
	}
	if f.cfg.Store.Diverged() {
		return unavailable{fmt.Errorf("%w: %s", errHistory, remedy)}
	}
	return nil
}

// judge records durably that an attempt to follow found another history, and returns the
// error with its remedy. It returns other errors as they are, but shortened.
func (f *Follower) judge(ctx context.Context, err error) error {
	err = bounded(err)
	if !errors.Is(err, ErrOtherHistory) && !errors.Is(err, rootkeys.ErrWentBack) {
		return err
	}
	if known := f.parting(); known != nil && f.split.Load() != nil {
		return known
	}
	at := f.cfg.Store.Position()
	if at.Issuer == "" { // a store without a history has none that could differ
		return err
	}
	f.split.Store(&split{at.Issuer, at.Epoch, err})
	if !f.cfg.Store.Diverged() {
		if merr := f.cfg.Store.MarkDiverged(ctx); merr != nil {
			f.cfg.Logger.ErrorContext(ctx, "after a restart, the store will not know that the issuer has a different history until it connects again", "error", merr)
		}
	}
	f.cfg.Logger.ErrorContext(ctx, "the issuer has a different history than this store: "+remedy, "position", at.String(), "error", err)
	f.announceApplied() // whoever waits for the store to catch up would wait in vain
	return f.parting()
}

// parted returns ErrOtherHistory if two positions can't belong to one history.
func parted(a, b rootkeys.Position) error {
	if a.Parted(b) {
		return fmt.Errorf("replication: %w: the store is at %s and the issuer at %s", ErrOtherHistory, a, b)
	}
	return nil
}

// known returns the position to send to a Remote: what is applied, with the chain value of
// the latest moment from which it may hold records. A store that has parted from its issuer
// can't vouch for its history and sends no value, so that it hears of nothing but a new epoch.
func (f *Follower) known() rootkeys.Position {
	at := f.target().Position()
	switch {
	case f.fill == nil && f.parting() != nil:
		at.Chain = feed.Chain{}
	case f.fill != nil && f.fillEnd.Revision() > at.Chain.Revision():
		at.Chain = f.fillEnd
	}
	return at
}

// mayFill refuses a snapshot that would end a parting without an operator's decision.
func (f *Follower) mayFill(snapshot rootkeys.Position) error {
	err := f.parting()
	at := f.cfg.Store.Position()
	if err != nil && snapshot.Issuer == at.Issuer && snapshot.Epoch > at.Epoch {
		return nil
	}
	return err
}
