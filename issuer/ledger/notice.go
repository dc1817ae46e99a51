package ledger

import (
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
)

// Notify writes, in the transaction of the change, a notice that a user gets by mail.
// A notice about the user's own act, or about one without a named actor, says where it
// came from; a notice about another person's act gives only the name.
func (c *Change) Notify(p Principal, kind notices.Kind, userID string, d notices.Details) error {
	n := notices.Notice{Kind: kind, User: userID, At: c.Now, Details: d}
	if p.UserID == userID || p.UserID == "" && !p.Admin {
		n.IP, n.Agent = p.Actor.IP, p.Actor.UserAgent
	} else {
		n.By = p.Username
	}
	return c.l.PutNotice(c, n)
}

// PutNotice hands a notice over if the ledger has an outbox.
func (l *Ledger) PutNotice(tx kv.Tx, n notices.Notice) error {
	if l.notices == nil {
		return nil
	}
	return l.notices.Put(tx, n)
}
