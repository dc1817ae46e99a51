package followers

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
)

// Process is this process among those that serve one store.
type Process struct {
	Name string // what people read of its gateway: the name of its machine

	// CatchUp waits until the gateway of this process has applied a revision; nil: it has no gateway, and nobody waits for it.
	CatchUp func(ctx context.Context, revision uint64) error

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
	p.s, p.publish = s, &publisher{s: s, id: hex.EncodeToString(id), record: processRecord{Name: p.Name}}
	_, err = p.publish.write(ctx)
	if err == nil {
		err = s.readPeers(ctx, p.publish.id)
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
			err = p.s.readPeers(ctx, p.publish.id)
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
func (s *Service) readPeers(ctx context.Context, self string) error {
	s.connections.mu.Lock()
	known := make(map[string]uint64)
	for id, p := range s.connections.peers {
		known[id] = p.content
	}
	s.connections.mu.Unlock()
	var records map[string]processRecord
	var claims map[string][]claimRecord
	err := s.store.View(ctx, func(r kv.Reader) error {
		records, claims = make(map[string]processRecord), make(map[string][]claimRecord)
		pairs, err := kv.All(r, []byte(keyProcess))
		if err != nil {
			return err
		}
		for _, pair := range pairs {
			id := strings.TrimPrefix(string(pair.Key), keyProcess)
			if id == self {
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
		s.connections.hear(records, claims, s.clock())
	}
	return err
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
