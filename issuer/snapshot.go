package issuer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
// position, and are no newer than the one that stands with the end. It ends with fn's
// error, or the first of its own.
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
	if pos, err = s.Position(ctx); err != nil {
		return err
	}
	return fn(feed.Frame{Position: &pos, Time: s.clock().UTC(), End: true, Count: count})
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
		var chains map[string][]byte
		if p.kind == kindToken {
			if chains, err = p.chains(r); err != nil {
				return err
			}
		}
		b := batch{s: p.s, r: r}
		for i, pair := range pairs {
			c, err := p.record(&b, pair, chains)
			if err != nil {
				return err
			}
			p.after = pair.Key
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

// chains reads the other halves of the next tokens, which stand in the same order.
func (p *page) chains(r kv.Reader) (map[string][]byte, error) {
	var after []byte
	if p.after != nil {
		after = []byte(chainKey(string(p.after[len(p.prefix):])))
	}
	pairs, err := r.Scan([]byte(keyChain), after, feed.Records, false)
	out := make(map[string][]byte, len(pairs))
	for _, pair := range pairs {
		out[string(pair.Key[len(keyChain):])] = pair.Value
	}
	return out, err
}

// record is a record as the feed has it.
func (p *page) record(b *batch, pair kv.Pair, chains map[string][]byte) (feed.Change, error) {
	id := string(pair.Key[len(p.prefix):])
	other, ok := chains[id]
	if !ok {
		return b.resolve(ref{p.kind, id}) // not a token, or an error to be said
	}
	var rec tokenRecord
	var chain chainRecord
	if err := errors.Join(json.Unmarshal(pair.Value, &rec), json.Unmarshal(other, &chain)); err != nil {
		return feed.Change{}, fmt.Errorf("issuer: the token %s is damaged: %w", id, err)
	}
	t, err := b.joined(id, rec, chain)
	return feed.Change{Token: t}, err
}
