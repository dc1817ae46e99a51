package followers

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
)

// Process is this process among those that serve one store.
type Process struct {
	Name string // what people read of its gateway, and what it has again after a restart: its machine and address

	// CatchUp waits until the gateway of this process has applied a revision; nil: it has no gateway, and nobody waits for it.
	CatchUp func(ctx context.Context, revision uint64) error

	// Settings are those that all processes need alike, each with a hash of its value. The log of each process names those that
	// another one has otherwise. A name that one of the two does not have says nothing: it may be of another version.
	Settings map[string]string

	s       *Service
	publish *publisher
}

// Join makes this process one of those that others know of: from here on, Confirm waits for its gateway, at whichever
// process it is called. The gateway must have applied all that was committed when Join was called before it decides. Call
// Run then, and Leave at the end.
func (s *Service) Join(ctx context.Context, p Process) (*Process, error) {
	id, err := s.ledger.Random(16)
	if err != nil {
		return nil, err
	}
	if p.Name == "" {
		p.Name = "an issuer"
	}
	p.s, p.publish = s, &publisher{s: s, id: hex.EncodeToString(id), record: processRecord{Name: p.Name, Settings: p.Settings}}
	s.connections.mu.Lock()
	s.connections.self = p.Name
	s.connections.mu.Unlock()
	_, err = p.publish.write(ctx)
	if err == nil {
		err = p.readPeers(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("followers: join the other processes: %w", err)
	}
	return &p, nil
}

// Run hears of others and tells them of this process, until ctx ends. It returns the errors of kv.Follow.
func (p *Process) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { p.publish.run(ctx) })
	if p.CatchUp != nil {
		running.Go(func() { p.followGateway(ctx) })
	}
	admission := uint64(0)
	look := func(ctx context.Context) (err error) {
		admission, err = p.s.expel(ctx, admission)
		if err == nil {
			err = p.readPeers(ctx)
		}
		return err
	}
	return kv.Follow(ctx, p.s.store, look, func(err error) {
		if err != nil {
			p.s.log.WarnContext(ctx, "what other processes know of verifiers is not read at present", "error", err)
		}
	})
}

// Leave says that this process serves nobody any more.
func (p *Process) Leave(ctx context.Context) error { return p.publish.leave(ctx) }

// followGateway notes what the gateway has applied.
func (p *Process) followGateway(ctx context.Context) {
	for at := uint64(0); ; {
		head := p.s.ledger.Heard()
		err := p.CatchUp(ctx, head.Revision())
		if err == nil {
			at = head.Revision()
			p.note(p.s.position(head))
		} else {
			pause(ctx, time.Second)
		}
		if more := p.s.ledger.Beyond(at); more != nil {
			select {
			case <-more:
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			return
		}
	}
}

func (p *Process) note(at feed.Position) {
	l := &p.s.connections
	l.mu.Lock()
	defer l.mu.Unlock()
	p.publish.own = at
	l.publish()
}

// readPeers reads what the other processes say.
func (p *Process) readPeers(ctx context.Context) error {
	known := p.s.connections.contents()
	var records map[string]processRecord
	var claims map[string][]claimRecord
	err := p.s.store.View(ctx, func(r kv.Reader) error {
		records, claims = make(map[string]processRecord), make(map[string][]claimRecord)
		pairs, err := kv.All(r, []byte(keyProcess))
		if err != nil {
			return err
		}
		for _, pair := range pairs {
			id := strings.TrimPrefix(string(pair.Key), keyProcess)
			if id == p.publish.id {
				continue
			}
			var rec processRecord
			err := json.Unmarshal(pair.Value, &rec)
			if err != nil {
				return fmt.Errorf("followers: the record %q is damaged: %w", pair.Key, err)
			}
			records[id] = rec
			if content, ok := known[id]; ok && content == rec.Content {
				continue
			}
			claims[id], err = readClaims(r, id)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		p.s.connections.hear(records, claims, p.s.clock())
		p.compareSettings(ctx, records)
	}
	return err
}

// compareSettings tells the log which settings other processes have otherwise, once for each process.
func (p *Process) compareSettings(ctx context.Context, records map[string]processRecord) {
	for id, rec := range records {
		differing := differences(p.Settings, rec.Settings)
		if p.s.connections.heardDiffering(id, differing) {
			p.s.log.WarnContext(ctx, "another process on the same database has other settings, so answers depend on which one is asked: give all the same and restart them",
				"process", rec.Name, "settings", strings.Join(differing, ", "))
		}
	}
}

// differences returns the names, in order, under which both have a value, and not the same.
func differences(a, b map[string]string) (names []string) {
	for name, value := range a {
		other, there := b[name]
		if there && other != value {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func readClaims(r kv.Reader, process string) ([]claimRecord, error) {
	out := []claimRecord{} // not nil: they were read
	for pair, err := range kv.Each(r, []byte(heardPrefix(process)), nil, false) {
		if err != nil {
			return nil, err
		}
		var page []claimRecord
		err = json.Unmarshal(pair.Value, &page)
		if err != nil {
			return nil, fmt.Errorf("followers: the record %q is damaged: %w", pair.Key, err)
		}
		out = append(out, page...)
	}
	return out, nil
}

// contents returns which pages of each other process this one has read.
func (l *connections) contents() map[string]uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := make(map[string]uint64)
	for id, p := range l.peers {
		known[id] = p.content
	}
	return known
}

// heardDiffering notes which settings a process has otherwise, and tells whether the log has not heard of them yet.
func (l *connections) heardDiffering(id string, names []string) (fresh bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.peers[id]
	if p == nil || slices.Equal(p.differing, names) {
		return false
	}
	p.differing = names
	return len(names) > 0
}

// hear takes over what the records of the other processes say; claims holds those that were read again.
func (l *connections) hear(records map[string]processRecord, claims map[string][]claimRecord, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.peers, func(id string, _ *peer) bool {
		_, still := records[id]
		return !still
	})
	if l.peers == nil {
		l.peers = make(map[string]*peer)
	}
	for id, rec := range records {
		p := l.peers[id]
		if p == nil {
			p = &peer{beaten: now, verifiers: map[string]*claim{}}
			l.peers[id] = p
		}
		if rec.Beat != p.beat {
			p.beat, p.beaten = rec.Beat, now
		}
		own := state{applied: rec.Applied, said: true, at: now}
		if !own.sameAs(p.own) {
			p.own = own
		}
		p.name, p.content = rec.Name, rec.Content
		if list := claims[id]; list != nil {
			p.verifiers = p.taken(list, now)
		}
	}
	l.wake()
}

// taken returns the claims of a process, with the times at which this process learned of them.
func (p *peer) taken(list []claimRecord, now time.Time) map[string]*claim {
	out := make(map[string]*claim, len(list))
	for _, c := range list {
		is := &claim{name: c.Name, since: c.Since, seen: c.Seen, heard: now, state: c.state(now)}
		if was := p.verifiers[c.ID]; was != nil {
			if was.seen.Equal(c.Seen) {
				is.heard = was.heard
			}
			if was.sameAs(is.state) {
				is.at = was.at
			}
		}
		out[c.ID] = is
	}
	return out
}
