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
	last     feed.Chain // chain value of the previous change set
	Revision uint64     // the revision that the store gets if anything changes
	refs     []Ref
}

// finish writes the change-log entry and returns the store's new revision. If nothing
// changed, it writes no entry.
func (c *Change) finish() (uint64, error) {
	if err := c.follow(); err != nil {
		return 0, err
	}
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

// Audit writes a row for something that p did, and fills in the names of the account and
// the project concerned unless e has them.
func (c *Change) Audit(p Principal, e audit.Event) error {
	if e.Account != "" && e.AccountName == "" {
		u, err := ReadUser(c, e.Account)
		if err != nil && !errors.Is(err, kv.ErrNotFound) {
			return err
		}
		e.AccountName = u.Name
	}
	if e.Project != "" && e.ProjectName == "" {
		var head struct{ Name string } // read from the head: the record itself grows with its members, and a change may write many rows
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

// UpdateExempt is Update for changes that only take power away and so have to work while the instance
// is read-only. It goes on after ctx ends (see instance.Exempt).
func (l *Ledger) UpdateExempt(ctx context.Context, fn func(*Change) error) (revision uint64, err error) {
	return l.update(ctx, l.exempt, fn)
}

// Sweep is kv.Sweep with a change for each step.
func (l *Ledger) Sweep(ctx context.Context, prefix string, visit func(*Change, kv.Pair) (more bool, err error)) error {
	update := func(ctx context.Context, fn func(*Change) error) error {
		_, err := l.Update(ctx, fn)
		return err
	}
	return kv.Sweep(ctx, update, prefix, visit)
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

// Join is Update in a transaction that another room has begun: the change is part of that
// transaction and takes effect when it commits.
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

// Heard returns the chain value of the last change set that this ledger knows of: one committed through it, or
// one of another process that Follow has seen. It proves nothing about the present; see Head.
func (l *Ledger) Heard() feed.Chain { return l.commits.last() }

// Beyond returns nil if Heard is above a revision, else a channel that is closed when it is.
func (l *Ledger) Beyond(revision uint64) <-chan struct{} { return l.commits.beyond(revision) }

// commits wakes callers that wait for commits.
type commits struct {
	mu   sync.Mutex
	at   feed.Chain    // of the last change set announced
	more chan struct{} // closed at the next one; nil while nobody waits
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

// last returns the chain value of the last change set announced.
func (n *commits) last() feed.Chain {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.at
}

// beyond returns nil if a revision above after was reached, else a channel that
// is closed when a later revision commits.
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
