package issuer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
)

// The kinds of records that the change log names.
const (
	kindToken   = "token"
	kindUser    = "user"
	kindProject = "project"
)

// logEntry is one change set in the log. It names the records that changed and
// holds none of them: no secret stands in the log, and no state that was deleted.
type logEntry struct {
	Time  time.Time
	Refs  []ref
	Chain feed.Chain `json:",omitzero"` // made from the rest
}

type ref struct {
	Kind string
	ID   string
}

// change is one transaction of the issuer: it reads, writes, and notes what
// changed for the audit trail and the change log.
type change struct {
	kv.Tx
	s    *Service
	now  time.Time
	last feed.Chain // of the change set before
	rev  uint64     // the revision that the store gets if anything changes
	refs []ref
}

// begin starts a change in a transaction, which may be another room's.
func (s *Service) begin(tx kv.Tx) (*change, error) {
	last, err := lastChain(tx)
	return &change{Tx: tx, s: s, now: s.clock().UTC(), last: last, rev: last.Revision() + 1}, err
}

// finish writes the change-log entry and returns the revision at which the store
// then stands. Where nothing changed there is no entry.
func (c *change) finish() (uint64, error) {
	if len(c.refs) == 0 {
		return c.rev - 1, nil
	}
	e := logEntry{Time: c.now, Refs: c.refs}
	content, err := json.Marshal(e)
	if err != nil {
		return 0, fmt.Errorf("issuer: encode an entry of the change log: %w", err)
	}
	e.Chain = nextChain(c.last, c.rev, content)
	if err := kv.PutJSON(c, string(logKey(c.rev)), e); err != nil {
		return 0, err
	}
	if err := c.Put([]byte(keyRevision), e.Chain[:]); err != nil {
		return 0, err
	}
	if err := c.compact(); err != nil {
		return 0, err
	}
	c.OnCommit(func() { c.s.news.reach(e.Chain) })
	return c.rev, nil
}

// changed notes a record for the change log.
func (c *change) changed(kind, id string) {
	if f := (ref{kind, id}); !slices.Contains(c.refs, f) {
		c.refs = append(c.refs, f)
	}
}

// audit writes a row for something that p did, with the names of whom and what it is
// about, unless e has them.
func (c *change) audit(p Principal, e audit.Event) error {
	if e.Account != "" && e.AccountName == "" {
		u, err := readUser(c, e.Account)
		if err != nil && !errors.Is(err, kv.ErrNotFound) {
			return err
		}
		e.AccountName = u.Name
	}
	if e.Project != "" && e.ProjectName == "" {
		var head headRecord // the record itself grows with its members, and many rows may be written
		err := kv.GetJSON(c, headKey(e.Project), &head)
		if err != nil && !errors.Is(err, kv.ErrNotFound) { // this change may have deleted it
			return err
		}
		e.ProjectName = head.Name
	}
	e.Time = c.now
	e.Actor = p.Actor
	e.Actor.UserID, e.Actor.Username = p.UserID, p.Username
	return audit.Append(c, e)
}

// update runs fn as one change and returns the revision at which the store
// stands after it.
func (s *Service) update(ctx context.Context, fn func(*change) error) (uint64, error) {
	var rev uint64
	err := s.store.Update(ctx, func(tx kv.Tx) error {
		c, err := s.begin(tx)
		if err != nil {
			return err
		}
		if err := fn(c); err != nil {
			return err
		}
		rev, err = c.finish()
		return err
	})
	if err != nil {
		return 0, err
	}
	return rev, nil
}

// news tells those who wait about commits.
type news struct {
	mu   sync.Mutex
	at   feed.Chain    // of the last change set that was heard of
	more chan struct{} // closed at the next; nil while nobody waits
}

// reach is called after each commit, in any order.
func (n *news) reach(at feed.Chain) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if at.Revision() <= n.at.Revision() {
		return
	}
	n.at = at
	if n.more != nil {
		close(n.more)
		n.more = nil
	}
}

// last is of the last change set that was heard of.
func (n *news) last() feed.Chain {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.at
}

// beyond returns nil if a revision above after was reached, else a channel that
// is closed when a further one is.
func (n *news) beyond(after uint64) <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.at.Revision() > after {
		return nil
	}
	if n.more == nil {
		n.more = make(chan struct{})
	}
	return n.more
}
