package followers

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// MaxChanges is the greatest number of change sets that Changes returns at once.
const MaxChanges = 500

// maxBatch is the size, in bytes as stored, at which Changes ends a batch.
const maxBatch = 4 << 20

// Position says which store this is and at which revision it stands.
func (s *Service) Position(ctx context.Context) (feed.Position, error) {
	var last feed.Chain
	err := s.store.View(ctx, func(r kv.Reader) (err error) {
		last, err = s.ledger.Head(r)
		return err
	})
	return s.position(last), err
}

// Wait returns as soon as the store stands at a revision above after, or with
// the context's error.
func (s *Service) Wait(ctx context.Context, after uint64) error {
	for {
		more := s.ledger.Beyond(after)
		if more == nil {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Changes returns the change sets after a position, in order and without gaps:
// at most limit of them, MaxChanges if limit is 0 or greater than that, and fewer
// if they are large. At the last revision it returns none.
//
// It reads all records at one moment: they are whole and current, so they may be newer
// than the set that holds them. Every set has the chain value of this moment. If a record
// changed several times within a batch, only the first of its sets holds it, so a set may
// be empty.
//
// If the position does not belong to this history, the error is ErrOtherHistory, ErrAhead
// or ErrOtherIssuer. If the log no longer has the changes after it, the error is
// feed.ErrCompacted. A record that the sealer can't open is an error too; Changes never
// leaves one out.
func (s *Service) Changes(ctx context.Context, after feed.Position, limit int) ([]feed.ChangeSet, error) {
	out, _, err := s.changesAdmitted(ctx, after, limit)
	return out, err
}

// batch resolves the references of change sets within one read transaction.
type batch struct {
	s    *Service
	r    kv.Reader
	last feed.Chain // of the moment
	seen map[ledger.Ref]bool
	size int
}

func (b *batch) read(after uint64, limit int) ([]feed.ChangeSet, error) {
	entries, err := ledger.Entries(b.r, after, limit)
	if err != nil {
		return nil, err
	}
	out := make([]feed.ChangeSet, 0, len(entries))
	for _, e := range entries {
		set, err := b.set(e)
		if err != nil {
			return nil, err
		}
		out = append(out, set)
		if b.size >= maxBatch {
			break
		}
	}
	return out, nil
}

func (b *batch) set(e ledger.Entry) (feed.ChangeSet, error) {
	set := feed.ChangeSet{Revision: e.Revision, Chain: b.last, Time: e.Time}
	for _, f := range e.Refs {
		if b.seen[f] {
			continue
		}
		b.seen[f] = true
		c, err := b.resolve(f)
		if err != nil {
			return feed.ChangeSet{}, err
		}
		set.Changes = append(set.Changes, c)
	}
	return set, nil
}

// resolve reads the current state of a record that the log names.
func (b *batch) resolve(f ledger.Ref) (c feed.Change, err error) {
	switch f.Kind {
	case ledger.KindToken:
		c.Token, err = b.s.tokens.FeedToken(b.r, f.ID)
	case ledger.KindUser:
		c.User, err = ledger.FeedUser(b.r, f.ID)
	case ledger.KindProject:
		c.Project, err = projects.FeedProject(b.r, f.ID)
	default:
		err = fmt.Errorf("followers: the change log names a record of the unknown kind %q: it was written by a newer rind", f.Kind)
	}
	if errors.Is(err, kv.ErrNotFound) {
		err = fmt.Errorf("followers: the change log names %s %s, which the store does not have: restore the store from a backup", f.Kind, f.ID)
	}
	if err == nil {
		b.size += sizeOf(c)
	}
	return c, err
}

// sizeOf estimates the size of a record in bytes.
func sizeOf(c feed.Change) int {
	switch {
	case c.Token != nil:
		n := 200
		for _, cv := range slices.Concat(c.Token.Caveats, c.Token.Restrictions) {
			n += len(cv)
		}
		return n
	case c.Project != nil:
		return 100 + 60*len(c.Project.Members)
	}
	return 100
}
