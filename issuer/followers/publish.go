package followers

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"hash/fnv"
	"slices"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
)

const (
	beatEvery  = time.Second
	seenLate   = 15 * time.Second       // after this, others learn that a verifier which says nothing new was heard; well below feed.ReportLate
	gather     = 10 * time.Millisecond  // from a change until it is published, for what else comes
	publishGap = 100 * time.Millisecond // between two publications, at least; and a second for each publishRate bytes
	perPage    = 500                    // verifiers in a page, about
	forgetPeer = 10 * time.Minute       // after this, the records of a process that does not beat are deleted
)

// publishRate is how many bytes a second a process publishes at most, about.
const publishRate = 1 << 20

// publisher writes what this process knows. One goroutine at a time uses it.
type publisher struct {
	s       *Service
	id      string
	record  processRecord
	written map[string][]byte // the pages that are in the store, by key; nil: not known
	own     feed.Position     // what this process' gateway has applied; guarded by the mutex of connections
}

// publish asks for a publication. The caller holds the mutex.
func (l *connections) publish() {
	select {
	case l.dirty <- struct{}{}:
	default:
	}
}

// run publishes until ctx ends.
func (p *publisher) run(ctx context.Context) {
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	failing := false
	for {
		wait := publishGap
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			wait = 0
		case <-p.s.connections.dirty:
			pause(ctx, gather)
		}
		size, err := p.write(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			p.s.log.WarnContext(ctx, "other processes don't hear which verifiers this one serves", "error", err)
		}
		failing = err != nil
		pause(ctx, max(wait, time.Duration(size)*time.Second/publishRate))
	}
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// write publishes what has changed, and a beat, and returns how many bytes that were.
func (p *publisher) write(ctx context.Context) (size int, err error) {
	now := p.s.clock()
	pages, own, gone, beat, err := p.state(now)
	if err != nil {
		return 0, err
	}
	next := p.record
	next.Beat++
	next.Applied = own
	changed := make(map[string][]byte)
	for key, page := range pages {
		if !bytes.Equal(p.written[key], page) {
			changed[key] = page
		}
	}
	if len(changed) > 0 || len(pages) != next.Pages {
		next.Content++
	}
	next.Pages = len(pages)
	err = p.s.exempt.Update(ctx, func(tx kv.Tx) error {
		there, err := kv.Exists(tx, processKey(p.id))
		if err != nil {
			return err
		}
		put := changed
		if !there || p.written == nil { // new, or taken for dead and deleted
			put = pages
			err = deleteHeard(tx, p.id)
		}
		for key := range p.written {
			if _, still := pages[key]; !still && err == nil {
				err = tx.Delete([]byte(key))
			}
		}
		size = 0
		for key, page := range put {
			if err == nil {
				err = tx.Put([]byte(key), page)
			}
			size += len(page)
		}
		if gone != "" && err == nil {
			err = forget(tx, gone, beat)
		}
		if err != nil {
			return err
		}
		return kv.PutJSON(tx, processKey(p.id), next)
	})
	if err != nil {
		p.written = nil
		return 0, err
	}
	p.record, p.written = next, pages
	return size, nil
}

// state returns the pages to publish, what the own gateway has applied, and a process that has been dead for long, with
// its last beat; "" if there is none.
func (p *publisher) state(now time.Time) (pages map[string][]byte, own feed.Position, gone string, beat uint64, err error) {
	claims, own, gone, beat := p.collect(now)
	n := 1 + len(claims)/perPage
	split := make([][]claimRecord, n)
	for _, c := range claims {
		h := fnv.New32a()
		h.Write([]byte(c.ID))
		at := int(h.Sum32() % uint32(n))
		split[at] = append(split[at], c)
	}
	pages = make(map[string][]byte, n)
	for i, list := range split {
		if len(list) == 0 {
			continue
		}
		slices.SortFunc(list, func(a, b claimRecord) int { return cmp.Compare(a.ID, b.ID) })
		pages[heardKey(p.id, i)], err = json.Marshal(list)
		if err != nil {
			return nil, own, "", 0, err
		}
	}
	return pages, own, gone, beat, nil
}

func (p *publisher) collect(now time.Time) (claims []claimRecord, own feed.Position, gone string, beat uint64) {
	l := &p.s.connections
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, v := range l.verifiers {
		if v.seen.Sub(v.told) >= seenLate || v.at.After(v.told) {
			v.told = v.seen
		}
		c := claimRecord{ID: id, Name: v.name, Seen: v.told.UTC(), Applied: v.applied, Said: v.said, Astray: v.astray, Turn: v.turn}
		if v.stream != nil {
			c.Since = v.since.UTC()
		}
		claims = append(claims, c)
	}
	for id, other := range l.peers {
		if now.Sub(other.beaten) >= forgetPeer || other.name == l.self && l.replaced(other, now) {
			gone, beat = id, other.beat
		}
	}
	return claims, p.own, gone, beat
}

// forget deletes the records of a process, unless it has beaten again.
func forget(tx kv.Tx, id string, beat uint64) error {
	var rec processRecord
	err := kv.GetJSON(tx, processKey(id), &rec)
	if errors.Is(err, kv.ErrNotFound) || err == nil && rec.Beat != beat {
		return nil
	}
	if err != nil {
		return err
	}
	if err := deleteHeard(tx, id); err != nil {
		return err
	}
	return tx.Delete([]byte(processKey(id)))
}

// deleteHeard deletes the pages of a process: MaxVerifiers in pages of some perPage.
func deleteHeard(tx kv.Tx, process string) error {
	pairs, err := tx.Scan([]byte(heardPrefix(process)), nil, 1000, false)
	if err != nil {
		return err
	}
	for _, p := range pairs {
		if err := tx.Delete(p.Key); err != nil {
			return err
		}
	}
	return nil
}

// leave deletes the records of this process.
func (p *publisher) leave(ctx context.Context) error {
	return p.s.exempt.Update(ctx, func(tx kv.Tx) error {
		if err := deleteHeard(tx, p.id); err != nil {
			return err
		}
		return tx.Delete([]byte(processKey(p.id)))
	})
}
