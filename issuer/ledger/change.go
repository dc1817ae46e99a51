package ledger

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

// Change is one transaction of the issuer: it reads, writes, and notes what
// changed for the audit trail and the change log.
type Change struct {
	kv.Tx
	l *Ledger

	Now      time.Time
	last     feed.Chain // of the change set before
	Revision uint64     // the revision that the store gets if anything changes
	refs     []Ref
}

// finish writes the change-log entry and returns the revision at which the store
// then stands. Where nothing changed there is no entry.
func (c *Change) finish() (uint64, error) {
	if len(c.refs) == 0 {
		return c.Revision - 1, nil
	}
	e := Entry{Time: c.Now, Refs: c.refs}
	content, err := json.Marshal(e)
	if err != nil {
		return 0, fmt.Errorf("ledger: encode an entry of the change log: %w", err)
	}
	e.Chain = nextChain(c.last, c.Revision, content)
	if err := kv.PutJSON(c, string(logKey(c.Revision)), e); err != nil {
		return 0, err
	}
	if err := c.Put([]byte(keyRevision), e.Chain[:]); err != nil {
		return 0, err
	}
	if err := c.compact(); err != nil {
		return 0, err
	}
	c.OnCommit(func() { c.l.commits.announce(e.Chain) })
	return c.Revision, nil
}

// Changed notes a record for the change log.
func (c *Change) Changed(kind, id string) {
	if f := (Ref{kind, id}); !slices.Contains(c.refs, f) {
		c.refs = append(c.refs, f)
	}
}

// Audit writes a row for something that p did, with the names of whom and what it is
// about, unless e has them.
func (c *Change) Audit(p Principal, e audit.Event) error {
	if e.Account != "" && e.AccountName == "" {
		u, err := ReadUser(c, e.Account)
		if err != nil && !errors.Is(err, kv.ErrNotFound) {
			return err
		}
		e.AccountName = u.Name
	}
	if e.Project != "" && e.ProjectName == "" {
		var head struct{ Name string } // of what lists show; the record itself grows with its members, and many rows may be written
		err := kv.GetJSON(c, KeyProjectHead+e.Project, &head)
		if err != nil && !errors.Is(err, kv.ErrNotFound) { // this change may have deleted it
			return err
		}
		e.ProjectName = head.Name
	}
	e.Time = c.Now
	e.Actor = p.Actor
	e.Actor.UserID, e.Actor.Username = p.UserID, p.Username
	return audit.Append(c, e)
}

// Update runs fn as one change and returns the revision at which the store
// stands after it.
func (l *Ledger) Update(ctx context.Context, fn func(*Change) error) (revision uint64, err error) {
	return l.update(ctx, l.store, fn)
}

// UpdateExempt is Update for what has to work while the instance is read-only: what only takes power
// away. It goes on where ctx ends (see instance.Exempt).
func (l *Ledger) UpdateExempt(ctx context.Context, fn func(*Change) error) (revision uint64, err error) {
	return l.update(ctx, l.exempt, fn)
}

func (l *Ledger) update(ctx context.Context, store kv.Store, fn func(*Change) error) (revision uint64, err error) {
	err = store.Update(ctx, func(tx kv.Tx) (err error) {
		revision, err = l.Join(tx, fn)
		return err
	})
	if err != nil {
		return 0, err
	}
	return revision, nil
}

// Join is Update in a transaction that another room has begun: the change is part of it, and
// counts when it commits.
func (l *Ledger) Join(tx kv.Tx, fn func(*Change) error) (revision uint64, err error) {
	last, err := LastChain(tx)
	if err != nil {
		return 0, err
	}
	c := &Change{Tx: tx, l: l, Now: l.clock().UTC(), last: last, Revision: last.Revision() + 1}
	if err := fn(c); err != nil {
		return 0, err
	}
	return c.finish()
}

// Heard is the value of the last change set that was committed through this ledger, or was there when it was opened.
func (l *Ledger) Heard() feed.Chain { return l.commits.last() }

// Beyond returns nil if Heard is above a revision, else a channel that is closed when a
// further one commits.
func (l *Ledger) Beyond(revision uint64) <-chan struct{} { return l.commits.beyond(revision) }

// commits tells those who wait about commits.
type commits struct {
	mu   sync.Mutex
	at   feed.Chain    // of the last change set that was heard of
	more chan struct{} // closed at the next; nil while nobody waits
}

// announce is called after each commit, in any order.
func (n *commits) announce(at feed.Chain) {
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
func (n *commits) last() feed.Chain {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.at
}

// beyond returns nil if a revision above after was reached, else a channel that
// is closed when a further one is.
func (n *commits) beyond(after uint64) <-chan struct{} {
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
