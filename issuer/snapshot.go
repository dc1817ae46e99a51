package issuer

import (
	"context"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
)

// maxPage is the size, in bytes as stored, at which a page of a snapshot ends. Its
// frame stays well below feed.MaxFrame.
const maxPage = 2 << 20

// tombstoneMargin is how long a revoked token stays in snapshots after it expired:
// a verifier's clock may be slow.
const tombstoneMargin = 24 * time.Hour

// Snapshot gives fn the frames of a snapshot: the position to follow from, then all
// records, at most feed.Records a frame, then the end. Records may be newer than the
// position. It ends with fn's error, or the first of its own.
//
// One page is in memory at a time, and fn runs outside of all transactions, so it
// may be slow. Tokens that were revoked are among the records until they have been
// expired for a day.
func (s *Service) Snapshot(ctx context.Context, fn func(feed.Frame) error) error {
	pos, err := s.Position(ctx)
	if err != nil {
		return err
	}
	if err := fn(feed.Frame{Position: &pos, Time: s.clock().UTC()}); err != nil {
		return err
	}
	count := 0
	for _, kind := range []string{kindUser, kindProject, kindToken} {
		p := page{s: s, kind: kind, prefix: []byte(map[string]string{kindUser: keyUser, kindProject: keyProject, kindToken: keyToken}[kind])}
		for more := true; more; {
			if more, err = p.read(ctx); err != nil {
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
	return fn(feed.Frame{End: true, Count: count})
}

// page walks over the records of one kind.
type page struct {
	s       *Service
	kind    string
	prefix  []byte
	after   []byte // key of the last record read
	records []feed.Change
}

// read reads the next records in one short transaction and tells whether there may
// be more.
func (p *page) read(ctx context.Context) (more bool, err error) {
	p.records = make([]feed.Change, 0, feed.Records)
	horizon := p.s.clock().Add(-tombstoneMargin)
	err = p.s.store.View(ctx, func(r kv.Reader) error {
		pairs, err := r.Scan(p.prefix, p.after, feed.Records, false)
		if err != nil {
			return err
		}
		more = len(pairs) == feed.Records
		b := batch{s: p.s, r: r}
		for i, pair := range pairs {
			p.after = pair.Key
			c, err := b.resolve(ref{p.kind, string(pair.Key[len(p.prefix):])})
			if err != nil {
				return err
			}
			if t := c.Token; t != nil && !t.RevokedAt.IsZero() && !t.ExpiresAt.IsZero() && t.ExpiresAt.Before(horizon) {
				continue
			}
			p.records = append(p.records, c)
			if b.size >= maxPage && i+1 < len(pairs) {
				more = true
				return nil
			}
		}
		return nil
	})
	return more, err
}
