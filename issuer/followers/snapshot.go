package followers

import (
	"context"
	"iter"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// maxPage is the size, in bytes as stored, at which a page of a snapshot ends. Its
// frame stays well below feed.MaxFrame.
const maxPage = 2 << 20

// tombstoneMargin is how long a revoked token stays in snapshots after it expired:
// a verifier's clock may be slow.
const tombstoneMargin = 24 * time.Hour

// Snapshot gives fn the frames of a snapshot: the position to follow from, then all
// records, at most feed.Records a frame, then the end. Records may be newer than the
// position, but are no newer than the position in the end frame. Snapshot stops at the
// first error, fn's or its own.
//
// One page is in memory at a time, and fn runs outside all transactions, so it may be
// slow. Revoked tokens stay among the records until a day after they expire.
func (s *Service) Snapshot(ctx context.Context, fn func(feed.Frame) error) error {
	pos, err := s.Position(ctx)
	if err != nil {
		return err
	}
	err = fn(feed.Frame{Position: &pos, Time: s.clock().UTC()})
	if err != nil {
		return err
	}
	count := 0
	for _, next := range s.kinds() {
		p := page{s: s, next: next}
		for more := true; more; {
			more, err = p.read(ctx)
			if err != nil {
				return err
			}
			if len(p.records) == 0 {
				continue
			}
			count += len(p.records)
			if err := fn(feed.Frame{Records: p.records}); err != nil {
				return err
			}
		}
	}
	pos, err = s.Position(ctx)
	if err != nil {
		return err
	}
	return fn(feed.Frame{Position: &pos, Time: s.clock().UTC(), End: true, Count: count})
}

// sequence yields at most limit records of one kind that follow the id after.
type sequence func(r kv.Reader, after string, limit int) iter.Seq2[feed.Change, error]

// kinds are the records of a snapshot, in the order in which they are sent.
func (s *Service) kinds() []sequence {
	return []sequence{
		func(r kv.Reader, after string, limit int) iter.Seq2[feed.Change, error] {
			return changes(ledger.FeedUsers(r, after, limit), func(u *feed.User) feed.Change { return feed.Change{User: u} })
		},
		func(r kv.Reader, after string, limit int) iter.Seq2[feed.Change, error] {
			return changes(projects.FeedProjects(r, after, limit), func(p *feed.Project) feed.Change { return feed.Change{Project: p} })
		},
		func(r kv.Reader, after string, limit int) iter.Seq2[feed.Change, error] {
			return changes(s.tokens.FeedTokens(r, after, limit), func(t *feed.Token) feed.Change { return feed.Change{Token: t} })
		},
	}
}

func changes[T any](records iter.Seq2[T, error], wrap func(T) feed.Change) iter.Seq2[feed.Change, error] {
	return func(yield func(feed.Change, error) bool) {
		for one, err := range records {
			if err != nil {
				yield(feed.Change{}, err)
				return
			}
			if !yield(wrap(one), nil) {
				return
			}
		}
	}
}

// idOf is the id of the record in a change.
func idOf(c feed.Change) string {
	switch {
	case c.Token != nil:
		return c.Token.ID
	case c.Project != nil:
		return c.Project.ID
	}
	return c.User.ID
}

// page walks over the records of one kind.
type page struct {
	s       *Service
	next    sequence
	after   string // id of the last record read
	records []feed.Change
}

// read reads the next records in one short transaction and tells whether there may
// be more.
func (p *page) read(ctx context.Context) (more bool, err error) {
	horizon := p.s.clock().Add(-tombstoneMargin)
	var last string
	err = p.s.store.View(ctx, func(r kv.Reader) error {
		last = p.after
		p.records = make([]feed.Change, 0, feed.Records)
		n, size := 0, 0
		for c, err := range p.next(r, p.after, feed.Records) {
			if err != nil {
				return err
			}
			n++
			last = idOf(c)
			if t := c.Token; t != nil && !t.RevokedAt.IsZero() && !t.ExpiresAt.IsZero() && t.ExpiresAt.Before(horizon) {
				continue
			}
			p.records = append(p.records, c)
			size += sizeOf(c)
			if size >= maxPage {
				break
			}
		}
		more = n == feed.Records || size >= maxPage
		return nil
	})
	if err == nil {
		p.after = last
	}
	return more, err
}
