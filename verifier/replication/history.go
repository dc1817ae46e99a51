package replication

import (
	"context"
	"errors"
	"fmt"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// split is that the issuer's history was found to be another one than the store's.
type split struct {
	issuer string // whom the store followed then
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

// remedy is what ends it.
const remedy = "one of the two was restored from a backup, so this store decides nothing until 'rind restored' is run on the issuer, or 'rind verifier reset' here"

// parting is why the store decides nothing although it is current: its issuer has another
// history. It is nil where that is not known.
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

// judge notes for good what an attempt to follow has learned of the issuer's history, and
// returns its error with what to do.
func (f *Follower) judge(ctx context.Context, err error) error {
	err = bounded(err)
	if !errors.Is(err, ErrOtherHistory) && !errors.Is(err, rootkeys.ErrWentBack) {
		return err
	}
	if known := f.parting(); known != nil && f.split.Load() != nil {
		return known
	}
	at := f.cfg.Store.Position()
	if at.Issuer == "" { // who knows no history knows none that differs
		return err
	}
	f.split.Store(&split{at.Issuer, at.Epoch, err})
	if !f.cfg.Store.Diverged() {
		if merr := f.cfg.Store.MarkDiverged(ctx); merr != nil {
			f.cfg.Logger.ErrorContext(ctx, "after a restart, the store will not know that the issuer has a different history until it connects again", "error", merr)
		}
	}
	f.cfg.Logger.ErrorContext(ctx, "the issuer has a different history than this store: "+remedy, "position", at.String(), "error", err)
	f.announceApplied() // who waits for the store waits in vain
	return f.parting()
}

// parted is ErrOtherHistory where two positions can't be of one history.
func parted(a, b rootkeys.Position) error {
	if a.Parted(b) {
		return fmt.Errorf("replication: %w: the store is at %s and the issuer at %s", ErrOtherHistory, a, b)
	}
	return nil
}

// known is the position to say to a Remote: what is applied, with the value of the latest
// moment of which it may hold something. A store that has parted from its issuer can't
// vouch for its history and says none, so that it hears of nothing but a new epoch.
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

// mayFill refuses a snapshot that would end a parting without anybody's word.
func (f *Follower) mayFill(snapshot rootkeys.Position) error {
	err := f.parting()
	at := f.cfg.Store.Position()
	if err != nil && snapshot.Issuer == at.Issuer && snapshot.Epoch > at.Epoch {
		return nil
	}
	return err
}
