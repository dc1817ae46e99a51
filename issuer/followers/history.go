package followers

import (
	"fmt"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
)

// position makes the position of this store at a chain value.
func (s *Service) position(c feed.Chain) feed.Position {
	return feed.Position{Issuer: s.issuer, Epoch: s.epoch, Revision: c.Revision(), Chain: c}
}

// checkHistory tells whether a verifier that knows at can get the changes that follow it:
// ErrOtherIssuer, ErrAhead and ErrOtherHistory say that its operator or this issuer's has to
// decide first, and errEpochEnded that it needs a snapshot first. Even without an error the
// log may no longer have the changes.
func (s *Service) checkHistory(r kv.Reader, at feed.Position) error {
	switch {
	case at.Issuer != s.issuer:
		return fmt.Errorf("%w: it follows %.64q, and this is %s", ErrOtherIssuer, at.Issuer, s.issuer)
	case at.Epoch > s.epoch:
		return fmt.Errorf("%w (it is of epoch %d, this store of %d)", ErrAhead, at.Epoch, s.epoch)
	case at.Epoch < s.epoch:
		return fmt.Errorf("%w (%d, it is %d)", errEpochEnded, at.Epoch, s.epoch)
	}
	head, err := s.ledger.Head(r)
	if err != nil {
		return err
	}
	last := head.Revision()
	known := max(at.Revision, at.Chain.Revision())
	if known > last {
		return fmt.Errorf("%w (it knows revision %d, the last is %d)", ErrAhead, known, last)
	}
	ours := at.Chain.Revision() >= at.Revision
	if ours {
		ours, err = ledger.HasChain(r, at.Chain)
	}
	if err == nil && !ours {
		err = fmt.Errorf("%w (at revision %d)", ErrOtherHistory, known)
	}
	return err
}

var errEpochEnded = fmt.Errorf("followers: its epoch ended: %w", feed.ErrCompacted)
