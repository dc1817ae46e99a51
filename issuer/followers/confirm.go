package followers

import (
	"context"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
)

// awayFor is how long a Confirmation names a verifier after it disconnects: it may
// still decide by what it has until its MaxStaleness is over, which nobody sets to
// more than a day.
const awayFor = 24 * time.Hour

// Confirmation says which verifiers have applied a revision.
type Confirmation struct {
	Connected int           // verifiers that were connected
	Applied   int           // connected verifiers that reported it, as part of this history
	Slowest   time.Duration // from the change to the last of these reports; 0 if there were none
	Behind    []string      // names of the connected verifiers that have not reported it, in order
	Away      []string      // names of verifiers that were connected within a day, no longer are, and lack it
}

// Confirm waits until every verifier that is connected has reported that it has
// applied the revision, for as long as wait or ctx allow. The result is also correct
// if some have not.
func (s *Service) Confirm(ctx context.Context, revision uint64, wait time.Duration) Confirmation {
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	begun := s.clock()
	at := feed.Position{Issuer: s.issuer, Epoch: s.epoch, Revision: revision}
	asked := make(map[string]bool)
	for {
		c, last, moved := s.connections.count(at, asked, s.clock())
		if len(c.Behind) > 0 {
			select {
			case <-moved:
				continue
			case <-waiting.Done():
			}
		}
		s.complete(ctx, &c, revision, begun, last, asked)
		return c
	}
}

// complete adds what the store knows: when the revision was committed, and which
// verifiers are away.
func (s *Service) complete(ctx context.Context, c *Confirmation, revision uint64, begun, last time.Time, asked map[string]bool) {
	err := s.store.View(ctx, func(r kv.Reader) error {
		c.Away = nil
		committed, err := ledger.CommitTime(r, revision)
		if err != nil {
			return err
		}
		if !committed.IsZero() && committed.Before(begun) {
			begun = committed
		}
		verifiers, err := s.readVerifiers(r)
		if err != nil {
			return err
		}
		for _, v := range verifiers {
			lacks := v.Astray || v.Applied.Epoch != s.epoch || v.Applied.Revision < revision
			if v.Revoked.At.IsZero() && v.Connected.IsZero() && !asked[v.ID] && lacks &&
				!v.Seen.IsZero() && s.clock().Sub(v.Seen) < awayFor {
				c.Away = append(c.Away, v.Name)
			}
		}
		c.Away = append(c.Away, s.connections.silentGateways(revision, asked, s.clock())...)
		return nil
	})
	if err != nil {
		s.log.WarnContext(ctx, "which verifiers are away is not known", "error", err)
	}
	if c.Applied > 0 {
		c.Slowest = max(0, last.Sub(begun))
	}
}
